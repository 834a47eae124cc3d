//! A tokenizer.json and the tokens that only the settings beside it name.

use serde::Deserialize;
use tokenizers::{AddedToken, Tokenizer};

pub struct TextTokenizer {
    inner: Tokenizer,
}

/// One entry of the list of added tokens. Defaults are Transformers' for a special token.
#[derive(Deserialize)]
struct AddedEntry {
    content: String,
    #[serde(default = "yes")]
    special: bool,
    #[serde(default)]
    normalized: Option<bool>,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
}

fn yes() -> bool {
    true
}

impl TextTokenizer {
    /// Tokens that `json` has among its own added tokens stay as it says; the others are added in order
    /// (with the vocabulary's id where it has one, else with the next free one), as Transformers does.
    pub fn open(json: &[u8], added_json: &str) -> Result<Self, String> {
        let mut inner = Tokenizer::from_bytes(json).map_err(|error| error.to_string())?;
        // Both are wishes about batches that the file keeps from its training; a prompt is never cut.
        inner.with_truncation(None).map_err(|error| error.to_string())?;
        inner.with_padding(None);
        let entries: Vec<AddedEntry> =
            serde_json::from_str(added_json).map_err(|error| format!("added tokens: {error}"))?;
        for entry in entries {
            let known = inner.get_added_vocabulary().get_vocab().contains_key(&entry.content);
            if known || entry.content.is_empty() {
                continue;
            }
            let token = AddedToken {
                normalized: entry.normalized.unwrap_or(!entry.special),
                content: entry.content,
                special: entry.special,
                lstrip: entry.lstrip,
                rstrip: entry.rstrip,
                single_word: entry.single_word,
            };
            inner.add_tokens([token]).map_err(|error| error.to_string())?;
        }
        Ok(Self { inner })
    }

    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, String> {
        let encoding = self.inner.encode_fast(text, add_special_tokens).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, String> {
        self.inner.decode(ids, skip_special_tokens).map_err(|error| error.to_string())
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}
