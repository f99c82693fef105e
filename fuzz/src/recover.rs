//! Recovery over a hostile folder: it finds whole checkpoints or says what is wrong, and what it finds can be read.

use crate::{input::Input, job, manifest::body, mend};
use gress_core::CheckpointId;
use gress_state::{
    checkpoint::{CheckpointStorage, FileNames, MemoryStorage, Retention, manifest_name, recover},
    run::RunCursor,
};

/// Files of any name and content; one of an odd kind is a manifest whose runs are mended, too.
pub fn check(input: &[u8]) {
    let storage = MemoryStorage::default();
    let mut input = Input::new(input);
    while !input.is_empty() {
        let kind = input.byte();
        let (name, content) = match kind % 4 {
            0 => (String::from_utf8_lossy(input.part()).into_owned(), input.part().to_vec()),
            1 => (manifest_name(CheckpointId(input.number())), mended(input.part())),
            2 => (manifest_name(CheckpointId(u64::from(kind / 4))), mended(input.part())),
            _ => {
                let mut run = input.part().to_vec();
                mend::run(&mut run);
                (FileNames::new(u64::from(kind / 4), &gress_core::TaskId::new("numbers", 0)).next_run(), run)
            }
        };
        let _ = storage.put_if_absent(&name, &content);
    }
    let Ok(recovered) = recover(&storage) else { return };
    let mut retention = Retention::new(2);
    recovered.manifests.iter().for_each(|manifest| retention.add(manifest));
    let collected = retention.collect();
    let _ = retention.orphans(&storage.list().expect("memory can be listed"));
    let Some(newest) = recovered.newest_whole else { return };
    assert!(recovered.highest >= Some(newest.id) && recovered.highest_epoch >= newest.epoch);
    assert!(!collected.manifests.contains(&manifest_name(newest.id)) || newest.is_claim());
    for chain in newest.chains() {
        chain.runs.iter().for_each(|run| run.verify(&storage).expect("it was whole"));
        // Whole is what its digest says, and still hostile.
        if let Ok(mut content) = chain.content(&storage) {
            while let Ok(Some(_)) = content.next() {}
        }
    }
}

/// A manifest of this body; where it is JSON, with runs that fit.
pub(crate) fn mended(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            mend::inline_runs(&mut value);
            mend::manifest(value.to_string().as_bytes())
        }
        Err(_) => mend::manifest(body),
    }
}

/// The folder of a real job.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut folder = Vec::new();
    for (id, manifest) in job::manifests().iter().enumerate() {
        folder.push((id + 1) as u8 * 4 + 2);
        Input::push_part(&body(manifest), &mut folder);
    }
    let mut far = vec![1];
    far.extend_from_slice(&u64::MAX.to_le_bytes());
    Input::push_part(b"{}", &mut far);
    vec![folder, far]
}
