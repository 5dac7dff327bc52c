//! GNU symbol versions: what `.gnu.version_r` and `.gnu.version_d` say, by version index.

use std::collections::BTreeMap;

use object::Endianness;
use object::elf::{VER_FLG_BASE, Verdaux, Verdef, Vernaux, Verneed};
use object::read::ReadRef;

use super::facts::{NeededVersion, VersionNeed};

/// No linker writes this many; a chain that does is made to waste time.
const MOST_ENTRIES: usize = 100_000;

/// Version names by index, both those needed and those defined.
#[derive(Default)]
pub(super) struct Versions<'a> {
    pub needed: BTreeMap<u16, NeededVersion<'a>>,
    pub defined: BTreeMap<u16, &'a str>,
    pub needs: Vec<VersionNeed<'a>>,
}

impl<'a> Versions<'a> {
    /// Reads the chain of `Verneed` records at the start of `data`.
    /// None when a record lies outside of it or a name is none.
    pub fn read_needs(
        &mut self,
        endian: Endianness,
        data: &'a [u8],
        string: impl Fn(u64) -> Option<&'a str>,
    ) -> Option<()> {
        let mut entries = 0;
        let mut at = 0_u64;
        loop {
            let need = data.read_at::<Verneed<Endianness>>(at).ok()?;
            let library = string(need.vn_file.get(endian).into())?;
            let mut versions = Vec::new();
            let mut aux_at = at.checked_add(need.vn_aux.get(endian).into())?;
            for _ in 0..need.vn_cnt.get(endian) {
                entries += 1;
                if entries > MOST_ENTRIES {
                    return None;
                }
                let aux = data.read_at::<Vernaux<Endianness>>(aux_at).ok()?;
                let name = string(aux.vna_name.get(endian).into())?;
                let index = aux.vna_other(endian).index().0;
                self.needed.insert(index, NeededVersion { library, name });
                versions.push(name);
                aux_at = aux_at.checked_add(aux.vna_next.get(endian).into())?;
            }
            self.needs.push(VersionNeed { library, versions });
            entries += 1;
            match need.vn_next.get(endian) {
                0 => return Some(()),
                next => at = at.checked_add(next.into())?,
            }
            if entries > MOST_ENTRIES {
                return None;
            }
        }
    }

    /// Reads the chain of `Verdef` records at the start of `data`.
    pub fn read_definitions(
        &mut self,
        endian: Endianness,
        data: &'a [u8],
        string: impl Fn(u64) -> Option<&'a str>,
    ) -> Option<()> {
        let mut at = 0_u64;
        for _ in 0..MOST_ENTRIES {
            let definition = data.read_at::<Verdef<Endianness>>(at).ok()?;
            // The base definition names the library itself.
            if !definition.vd_flags.get(endian).contains(VER_FLG_BASE) {
                let aux_at = at.checked_add(definition.vd_aux.get(endian).into())?;
                let aux = data.read_at::<Verdaux<Endianness>>(aux_at).ok()?;
                let name = string(aux.vda_name.get(endian).into())?;
                self.defined.insert(definition.vd_ndx.get(endian).0, name);
            }
            match definition.vd_next.get(endian) {
                0 => return Some(()),
                next => at = at.checked_add(next.into())?,
            }
        }
        None
    }
}
