//! What is made from the definitions of the command line: completions and the man page.

use clap::CommandFactory;

use crate::cli::print;
use crate::cli::typed::Typed;
use crate::report::{Code, Error, Result};

pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "wheelbuild", &mut text);
    show(text)
}

pub fn man() -> Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Typed::command())
        .render(&mut text)
        .map_err(|e| Error::new(Code::Io, "cannot make the man page").cause(e.to_string()))?;
    show(text)
}

fn show(text: Vec<u8>) -> Result<()> {
    let text = String::from_utf8(text).map_err(|e| Error::bug(format!("generated text: {e}")))?;
    print(text.trim_end())
}
