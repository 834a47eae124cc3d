//! Tokenizers and chat templates for C++: `abi` is the boundary, the rest is safe Rust.

mod abi;
mod template;
mod tokenizer;
