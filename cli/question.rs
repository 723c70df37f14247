//! A question to who sits at the terminal. In a pipe nothing is asked: scripts say what they want by options.

use std::io::{BufRead, Write};

use crate::failure::Failure;
use crate::screen::Screen;

/// Whether the answer is yes; yes without asking where nobody is there to answer.
///
/// # Errors
/// Where the terminal cannot be read.
pub fn confirmed(screen: &Screen, question: &str) -> Result<bool, Failure> {
    if !screen.is_attended() {
        return Ok(true);
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

/// What is answered to a question; the default where only the line ends, or nobody is there to answer.
///
/// # Errors
/// Where the terminal cannot be read.
pub fn answer(screen: &Screen, question: &str, default: &str) -> Result<String, Failure> {
    if !screen.is_attended() {
        return Ok(default.to_owned());
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question} [{default}] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是" | "好" | "确定")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_counts() {
        assert!(is_yes("Y\n") && is_yes("是") && is_yes(" yes "));
        assert!(!is_yes("\n") && !is_yes("n") && !is_yes("yeah, no"));
    }
}
