#pragma once

// The C face of rust/text, kept by hand beside src/abi.rs. Rules for every function:
// - texts come in as pointer and length, need no terminator; bytes that are not UTF-8 are read as U+FFFD;
// - nothing is thrown, no panic crosses, nothing is printed;
// - what is written to an out-parameter belongs to the caller, who gives it back with the matching
//   `headroom_text_free_…`; on any status but HEADROOM_TEXT_OK a `HeadroomTextBytes` holds a message.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HeadroomTextStatus {
  HEADROOM_TEXT_OK = 0,
  HEADROOM_TEXT_ERROR = 1,      ///< the input is wrong; the message says how
  HEADROOM_TEXT_RAISED = 2,     ///< the template called raise_exception; the message is its own words
  HEADROOM_TEXT_NOT_FOUND = 3,  ///< no such token; no message
  HEADROOM_TEXT_PANIC = 4,      ///< a bug; the message is the panic's
} HeadroomTextStatus;

typedef struct HeadroomTextBytes {
  uint8_t* data;
  size_t size;
  size_t capacity;
} HeadroomTextBytes;

typedef struct HeadroomTextIds {
  uint32_t* data;
  size_t size;
  size_t capacity;
} HeadroomTextIds;

void headroom_text_free_bytes(HeadroomTextBytes bytes);
void headroom_text_free_ids(HeadroomTextIds ids);

typedef struct HeadroomTokenizer HeadroomTokenizer;

/// `json`: the content of tokenizer.json. `added_json`: a list of added tokens in tokenizer.json's own
/// form ({"content", "special", "lstrip", …}) to add where the file lacks them.
HeadroomTextStatus headroom_tokenizer_open(const char* json,
                                           size_t json_size,
                                           const char* added_json,
                                           size_t added_json_size,
                                           HeadroomTokenizer** tokenizer,
                                           HeadroomTextBytes* message);
void headroom_tokenizer_close(HeadroomTokenizer* tokenizer);
HeadroomTextStatus headroom_tokenizer_encode(const HeadroomTokenizer* tokenizer,
                                             const char* text,
                                             size_t text_size,
                                             bool add_special_tokens,
                                             HeadroomTextIds* ids,
                                             HeadroomTextBytes* message);
HeadroomTextStatus headroom_tokenizer_decode(const HeadroomTokenizer* tokenizer,
                                             const uint32_t* ids,
                                             size_t count,
                                             bool skip_special_tokens,
                                             HeadroomTextBytes* text);
HeadroomTextStatus headroom_tokenizer_token_to_id(const HeadroomTokenizer* tokenizer,
                                                  const char* token,
                                                  size_t token_size,
                                                  uint32_t* id);
HeadroomTextStatus headroom_tokenizer_id_to_token(const HeadroomTokenizer* tokenizer,
                                                  uint32_t id,
                                                  HeadroomTextBytes* token);
size_t headroom_tokenizer_vocabulary_size(const HeadroomTokenizer* tokenizer);

/// A moment in local time, as C's `struct tm` splits it.
typedef struct HeadroomTextTime {
  int64_t epoch_seconds;
  int32_t microsecond;
  int32_t year;         ///< 2026
  int32_t month;        ///< 1 to 12
  int32_t day;          ///< 1 to 31
  int32_t hour;
  int32_t minute;
  int32_t second;
  int32_t week_day;     ///< 0 is Sunday
  int32_t day_of_year;  ///< 1 to 366
} HeadroomTextTime;

/// Whether `source` is a chat template that can be parsed.
HeadroomTextStatus headroom_template_check(const char* source,
                                           size_t source_size,
                                           HeadroomTextBytes* message);
/// Renders `source` with `variables_json`, a table of the names that it sees. `now` is what
/// strftime_now gives.
HeadroomTextStatus headroom_template_render(const char* source,
                                            size_t source_size,
                                            const char* variables_json,
                                            size_t variables_json_size,
                                            const HeadroomTextTime* now,
                                            HeadroomTextBytes* text);

#ifdef __cplusplus
}
#endif
