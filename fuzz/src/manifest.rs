//! Manifests: what is taken prints and is taken again, and names no file outside of its folder.

use crate::{job, mend};
use gress_state::checkpoint::Manifest;

/// The input as a file, and as the body of one.
pub fn check(input: &[u8]) {
    for bytes in [input.to_vec(), mend::manifest(input)] {
        let Ok(manifest) = Manifest::from_bytes(&bytes) else { continue };
        let printed = manifest.to_bytes().expect("a manifest prints");
        assert_eq!(Manifest::from_bytes(&printed).expect("what was printed is taken"), manifest);
        for name in manifest.files() {
            assert!(!name.is_empty() && !name.starts_with('.') && name.len() < 255, "{name:?}");
            assert!(!name.contains(['/', '\\', '\0', ':']), "{name:?}");
        }
        let _ = (manifest.state_bytes(), manifest.check_formats());
    }
}

/// Whole manifests of a real job, and their bodies.
pub fn seeds() -> Vec<Vec<u8>> {
    job::manifests().into_iter().flat_map(|file| [body(&file), file]).collect()
}

/// What stands below the header line.
pub(crate) fn body(file: &[u8]) -> Vec<u8> {
    file.iter().position(|byte| *byte == b'\n').map_or_else(Vec::new, |end| file[end + 1..].to_vec())
}
