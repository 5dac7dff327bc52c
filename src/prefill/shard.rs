//! `--shard I/N`: a part of the builds, the same whoever asks and in whatever order.

use std::fmt;
use std::str::FromStr;

use super::work::Recipe;
use crate::cache::Digest;
use crate::report::{Code, Error, Result};

/// One of several jobs that share the builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    number: u64,
    of: u64,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether `recipe` is built here: by the digest of what identifies it, so that every job comes to
    /// the same answer. All wheels of one sdist are built by one job, since one may serve in several
    /// places.
    pub fn has(self, recipe: &Recipe) -> bool {
        let digest = Digest::of(recipe.identity()).to_string();
        // 60 bits of it.
        let number = u64::from_str_radix(&digest[..15], 16).unwrap_or(0);
        number % self.of == self.number - 1
    }

    pub fn is_whole(self) -> bool {
        self.of == 1
    }
}

impl FromStr for Shard {
    type Err = Error;

    /// Reads `2/4`.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(Code::Usage, format!("`{text}` is no shard"))
                .hint("write it like `--shard 1/4`, with numbers from 1")
        };
        let (number, of) = text.split_once('/').ok_or_else(bad)?;
        let number: u64 = number.trim().parse().map_err(|_| bad())?;
        let of: u64 = of.trim().parse().map_err(|_| bad())?;
        if (1..=of).contains(&number) { Ok(Self { number, of }) } else { Err(bad()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::lock::File;
    use crate::plan::Risk;
    use crate::prefill::work::Origin;

    fn recipe(number: usize) -> Recipe {
        let mut file = File::named(&format!("p{number}-1.tar.gz"));
        file.hashes.push(("sha256".to_owned(), Digest::of(number.to_string()).to_string()));
        Recipe {
            name: format!("p{number}"),
            version: Some("1".to_owned()),
            origin: Origin::Sdist { file: Box::new(file), folder: PathBuf::new() },
            risk: Risk::Unknown,
            reason: String::new(),
            needs: Vec::new(),
        }
    }

    #[test]
    fn every_recipe_is_in_exactly_one_shard() {
        for of in 1..8 {
            let mut sizes = vec![0; of];
            for recipe in (0..200).map(recipe) {
                let mine =
                    |number: &usize| format!("{}/{of}", number + 1).parse::<Shard>().unwrap().has(&recipe);
                let having: Vec<usize> = (0..of).filter(mine).collect();
                assert_eq!(having.len(), 1);
                sizes[having[0]] += 1;
            }
            assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
        }
    }

    #[test]
    fn spellings() {
        assert_eq!("2/4".parse::<Shard>().unwrap().to_string(), "2/4");
        assert!("1/1".parse::<Shard>().unwrap().is_whole());
        for bad in ["", "0/4", "5/4", "1", "a/b", "1/0", "-1/2"] {
            assert_eq!(bad.parse::<Shard>().unwrap_err().code(), Code::Usage, "{bad}");
        }
    }
}
