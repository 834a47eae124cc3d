//! The C boundary (include/headroom_text.h). Every entry catches panics and returns them as a status.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use crate::template::{self, Moment};
use crate::tokenizer::TextTokenizer;

const OK: i32 = 0;
const ERROR: i32 = 1;
const RAISED: i32 = 2;
const NOT_FOUND: i32 = 3;
const PANIC: i32 = 4;

#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    size: usize,
    capacity: usize,
}

#[repr(C)]
pub struct Ids {
    data: *mut u32,
    size: usize,
    capacity: usize,
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(text.into_bytes());
        Bytes { data: bytes.as_mut_ptr(), size: bytes.len(), capacity: bytes.capacity() }
    }
}

impl From<Vec<u32>> for Ids {
    fn from(ids: Vec<u32>) -> Self {
        let mut ids = std::mem::ManuallyDrop::new(ids);
        Ids { data: ids.as_mut_ptr(), size: ids.len(), capacity: ids.capacity() }
    }
}

/// # Safety
/// `data` holds `size` readable bytes for the length of the call, or `size` is 0.
unsafe fn text_of<'a>(data: *const u8, size: usize) -> std::borrow::Cow<'a, str> {
    String::from_utf8_lossy(bytes_of(data, size))
}

/// # Safety
/// As for `text_of`.
unsafe fn bytes_of<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 || data.is_null() {
        return &[];
    }
    std::slice::from_raw_parts(data, size)
}

/// Runs `body`; a panic becomes its message. The default hook would print, so it is replaced by silence.
fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    catch_unwind(AssertUnwindSafe(body)).map_err(template::panic_message)
}

/// # Safety
/// `bytes` came from a function of this file and was not freed before.
#[no_mangle]
pub unsafe extern "C" fn headroom_text_free_bytes(bytes: Bytes) {
    if !bytes.data.is_null() {
        drop(Vec::from_raw_parts(bytes.data, bytes.size, bytes.capacity));
    }
}

/// # Safety
/// As for `headroom_text_free_bytes`.
#[no_mangle]
pub unsafe extern "C" fn headroom_text_free_ids(ids: Ids) {
    if !ids.data.is_null() {
        drop(Vec::from_raw_parts(ids.data, ids.size, ids.capacity));
    }
}

/// # Safety
/// Texts as in `text_of`; `tokenizer` and `message` are writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_open(
    json: *const u8,
    json_size: usize,
    added_json: *const u8,
    added_json_size: usize,
    tokenizer: *mut *mut TextTokenizer,
    message: *mut Bytes,
) -> i32 {
    let added = text_of(added_json, added_json_size);
    match guarded(|| TextTokenizer::open(bytes_of(json, json_size), &added)) {
        Ok(Ok(opened)) => {
            tokenizer.write(Box::into_raw(Box::new(opened)));
            OK
        }
        Ok(Err(error)) => fail(message, error, ERROR),
        Err(panic) => fail(message, panic, PANIC),
    }
}

/// # Safety
/// `tokenizer` came from `headroom_tokenizer_open` and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_close(tokenizer: *mut TextTokenizer) {
    if !tokenizer.is_null() {
        let _ = guarded(|| drop(Box::from_raw(tokenizer)));
    }
}

/// # Safety
/// `tokenizer` is open; texts as in `text_of`; `ids` and `message` are writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_encode(
    tokenizer: *const TextTokenizer,
    text: *const u8,
    text_size: usize,
    add_special_tokens: bool,
    ids: *mut Ids,
    message: *mut Bytes,
) -> i32 {
    let text = text_of(text, text_size);
    match guarded(|| (*tokenizer).encode(&text, add_special_tokens)) {
        Ok(Ok(encoded)) => {
            ids.write(encoded.into());
            OK
        }
        Ok(Err(error)) => fail(message, error, ERROR),
        Err(panic) => fail(message, panic, PANIC),
    }
}

/// # Safety
/// `tokenizer` is open; `ids` holds `count` numbers; `text` is writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_decode(
    tokenizer: *const TextTokenizer,
    ids: *const u32,
    count: usize,
    skip_special_tokens: bool,
    text: *mut Bytes,
) -> i32 {
    match guarded(|| (*tokenizer).decode(bytes_of(ids, count), skip_special_tokens)) {
        Ok(Ok(decoded)) => {
            text.write(decoded.into());
            OK
        }
        Ok(Err(error)) => fail(text, error, ERROR),
        Err(panic) => fail(text, panic, PANIC),
    }
}

/// # Safety
/// `tokenizer` is open; texts as in `text_of`; `id` is writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_token_to_id(
    tokenizer: *const TextTokenizer,
    token: *const u8,
    token_size: usize,
    id: *mut u32,
) -> i32 {
    let token = text_of(token, token_size);
    match guarded(|| (*tokenizer).token_to_id(&token)) {
        Ok(Some(found)) => {
            id.write(found);
            OK
        }
        _ => NOT_FOUND,
    }
}

/// # Safety
/// `tokenizer` is open; `token` is writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_id_to_token(
    tokenizer: *const TextTokenizer,
    id: u32,
    token: *mut Bytes,
) -> i32 {
    match guarded(|| (*tokenizer).id_to_token(id)) {
        Ok(Some(found)) => {
            token.write(found.into());
            OK
        }
        _ => NOT_FOUND,
    }
}

/// # Safety
/// `tokenizer` is open.
#[no_mangle]
pub unsafe extern "C" fn headroom_tokenizer_vocabulary_size(tokenizer: *const TextTokenizer) -> usize {
    guarded(|| (*tokenizer).vocabulary_size()).unwrap_or(0)
}

/// # Safety
/// Texts as in `text_of`; `message` is writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_template_check(
    source: *const u8,
    source_size: usize,
    message: *mut Bytes,
) -> i32 {
    let source = text_of(source, source_size);
    match guarded(|| template::check(&source)) {
        Ok(Ok(())) => OK,
        Ok(Err(error)) => fail(message, error.to_string(), ERROR),
        Err(panic) => fail(message, panic, PANIC),
    }
}

/// # Safety
/// Texts as in `text_of`; `now` is readable, `text` writable.
#[no_mangle]
pub unsafe extern "C" fn headroom_template_render(
    source: *const u8,
    source_size: usize,
    variables_json: *const u8,
    variables_json_size: usize,
    now: *const Moment,
    text: *mut Bytes,
) -> i32 {
    let source = text_of(source, source_size);
    let variables = text_of(variables_json, variables_json_size);
    match guarded(|| template::render(&source, &variables, &*now)) {
        Ok(Ok(rendered)) => {
            text.write(rendered.into());
            OK
        }
        Ok(Err(error)) => {
            let status = match error {
                template::Error::Raised(_) => RAISED,
                template::Error::Bug(_) => PANIC,
                _ => ERROR,
            };
            fail(text, error.to_string(), status)
        }
        Err(panic) => fail(text, panic, PANIC),
    }
}

/// # Safety
/// `message` is writable.
unsafe fn fail(message: *mut Bytes, words: String, status: i32) -> i32 {
    message.write(words.into());
    status
}
