#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/item.h"
#include "datasets/picture_set.h"

namespace headroom::datasets {

/// One turn of a dialogue about a picture.
struct ScriptTurn {
  std::string text;  ///< "<image>" in the first one is the picture's place, else it stands in front
  /// What of the picture's facts its answer is scored against: "items", "colors", "people",
  /// "summary" or "question" (the picture's own question of this text, whatever its
  /// capitals); empty: nothing.
  std::string fact;

  bool operator==(const ScriptTurn&) const = default;
};

/// The conditions under which the same turns are put.
inline constexpr std::string_view kHistoryArm = "history";  ///< picture and history
inline constexpr std::string_view kTextArm = "text";        ///< history as text, no picture
inline constexpr std::string_view kNoneArm = "none";        ///< neither

/// A forensic description, then its colours, its people and its summary.
std::vector<ScriptTurn> default_script();

/// Throws UsageError("E-TURNS") that begins with `where`: fewer than two turns, a turn without
/// text, an unknown fact (with the nearest spelling), more than one "<image>" in the first turn or
/// any in another.
void check_script(const std::vector<ScriptTurn>& script, const std::string& where);

/// The turns of FILE.toml ([[turn]] tables) or FILE.jsonl (an object a line), each with "text" and,
/// where it is scored, "fact". Throws UsageError("E-TURNS") naming file and line or table, also for
/// what check_script() refuses; InputError("E-FILE") or ("E-JSON") for what cannot be read.
std::vector<ScriptTurn> read_script(const std::filesystem::path& file);

/// Dialogues about pictures, turn by turn. Of each picture, in this order:
///   history  the first turn with the picture, then each follow-up after all that was said before
///   text     the follow-ups with the same history as text: the first turn's answer is that of the
///            arm `history`, the picture is not there
///   none     the follow-ups alone
/// Ids are PICTURE/ARM/TURN, dialogues PICTURE/ARM; turns count from 1, those of a follow-up
/// from 2. Truths are for the scorer "turn-facts"; a turn whose fact the data do not have has no
/// references. Items of a picture that is not there keep its defect in the arm `history`.
Dataset dialogue_dataset(PictureSet pictures, std::vector<ScriptTurn> script);

/// Items of each picture in all arms together.
std::size_t items_a_picture(const std::vector<ScriptTurn>& script);

/// Whether an item is what a test is about, rather than a condition beside it that it is compared
/// with: any item that belongs to no arm of dialogues; of these, the follow-ups in the arm
/// `history`.
bool is_judged(const Item& item);

/// "0" of the dialogue "0/text" in the arm "text".
std::string picture_of_dialogue(const Item& item);

}  // namespace headroom::datasets
