#include "caption_abbreviations.h"

#include <algorithm>
#include <array>

namespace headroom::scoring {

namespace {

/// In any case, before anything.
constexpr std::array<std::string_view, 148> kAlways = {
    "adj",   "adm",   "adv",   "al",    "ala",  "alex",    "apr",   "ariz", "assn", "assoc",
    "asst",  "atty",  "attys", "aug",   "ave",  "bancorp", "bhd",   "bldg", "blvd", "brig",
    "bros",  "calif", "capt",  "cf",    "cie",  "cmdr",    "co",    "col",  "colo", "comdr",
    "conn",  "corp",  "cos",   "cpl",   "ct",   "dak",     "dec",   "dept", "det",  "dr",
    "drs",   "elec",  "ens",   "esq",   "est",  "etc",     "ext",   "feb",  "fla",  "fri",
    "ft",    "ga",    "gen",   "gov",   "govs", "hon",     "inc",   "ind",  "insp", "intl",
    "invt",  "jan",   "jos",   "jr",    "jul",  "jun",     "kan",   "kans", "ky",   "lieut",
    "lt",    "ltd",   "maj",   "mar",   "md",   "messrs",  "mfg",   "mich", "minn", "mlle",
    "mme",   "mo",    "mon",   "mont",  "mr",   "mrs",     "ms",    "msgr", "mt",   "mtg",
    "natl",  "neb",   "nev",   "nov",   "oct",  "okla",    "penn",  "pfc",  "ph",   "plc",
    "ppte",  "pptes", "ppty",  "pptys", "pres", "prof",    "profs", "pte",  "ptes", "pty",
    "ptys",  "pvt",   "rd",    "rep",   "reps", "rev",     "rt",    "sen",  "sens", "sep",
    "sept",  "seq",   "sfc",   "sgt",   "spc",  "sq",      "sr",    "st",   "ste",  "supt",
    "supts", "sys",   "tel",   "tenn",  "thu",  "thurs",   "treas", "tue",  "tues", "univ",
    "va",    "vs",    "vt",    "wed",   "wis",  "wisc",    "wm",    "wyo"};

/// States: where they begin with a capital.
constexpr std::array<std::string_view, 11> kCapital = {
    "ark", "az", "del", "ill", "la", "mass", "miss", "ore", "pa", "tex", "wash"};

/// Before a figure.
constexpr std::array<std::string_view, 9> kBeforeFigure = {
    "art", "ca", "fig", "figs", "no", "nos", "op", "pp", "prop"};

/// Written with a capital, what begins a new sentence behind a single letter.
constexpr std::array<std::string_view, 42> kStarters = {
    "a",    "about", "according", "after", "an",   "as",    "at",    "but",  "he",
    "her",  "here",  "however",   "if",    "in",   "it",    "last",  "many", "more",
    "now",  "once",  "one",       "other", "our",  "she",   "since", "so",   "some",
    "such", "that",  "the",       "their", "then", "there", "these", "they", "this",
    "we",   "what",  "when",      "while", "yet",  "you"};

/// `list` is in alphabetic order.
template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::binary_search(list.begin(), list.end(), word);
}

/// "u.s", "a.m": letters, each but the last with its full stop.
bool is_acronym(std::string_view word) {
  if (word.size() < 3 || word.size() % 2 == 0) {
    return false;
  }
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (i % 2 == 0 ? !(word[i] >= 'a' && word[i] <= 'z') : word[i] != '.') {
      return false;
    }
  }
  return true;
}

}  // namespace

bool is_abbreviation(std::string_view word, bool capital, bool before_figure) {
  return is_acronym(word) || word == "ph.d" || is_one_of(kAlways, word) ||
         (capital && is_one_of(kCapital, word)) ||
         (before_figure && is_one_of(kBeforeFigure, word));
}

bool begins_sentence(std::string_view word) { return is_one_of(kStarters, word); }

}  // namespace headroom::scoring
