//! What the simulated disk loses and keeps, seen through plain RocksDB.

use std::path::Path;

use gress_power_cut::folder;
use gress_power_cut::power::{Loss, PowerCut, Unsynced};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, Options, WriteOptions};
use tempfile::TempDir;

struct Machine {
    power: PowerCut,
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { power: PowerCut::new(), folder: folder::scratch(None).expect("a folder can be made") }
    }

    fn try_open(&self, name: &str) -> Result<DB, rocksdb::Error> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_env(&self.power.env());
        DB::open(&options, self.path(name))
    }

    fn open(&self, name: &str) -> DB {
        self.try_open(name).expect("the database opens")
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Cuts the power under `database`.
    fn cut(&mut self, database: DB, unsynced: Unsynced) -> Loss {
        self.power.cut();
        drop(database);
        self.power.restore_power(unsynced).expect("no file is open")
    }
}

fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

fn number(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

fn count(database: &DB) -> u32 {
    let found = |n: &u32| database.get(number(*n)).expect("a read works").is_some();
    (0..1_000).take_while(found).count() as u32
}

#[test]
fn synced_writes_stay_and_those_after_them_are_lost() {
    let mut machine = Machine::new();
    let database = machine.open("db");
    for n in 0..10 {
        database.put(number(n), "before").unwrap();
    }
    database.put_opt(number(10), "synced", &synced()).unwrap();
    for n in 11..30 {
        database.put(number(n), "after").unwrap();
    }
    assert_eq!(count(&database), 30, "a database sees what it wrote");
    let loss = machine.cut(database, Unsynced::Lost);
    assert!(loss.bytes_lost > 0 && loss.bytes_kept == 0, "{loss:?}");
    assert_eq!(count(&machine.open("db")), 11);
}

#[test]
fn a_killed_process_loses_nothing_that_it_wrote() {
    let mut machine = Machine::new();
    let database = machine.open("db");
    for n in 0..30 {
        database.put(number(n), "x").unwrap();
    }
    let loss = machine.cut(database, Unsynced::Kept);
    assert!(loss.bytes_kept > 0 && loss.bytes_lost == 0, "{loss:?}");
    assert_eq!(count(&machine.open("db")), 30);
}

#[test]
fn a_torn_file_has_a_beginning_of_what_was_written_and_the_seed_says_how_much() {
    let survivors = |seed: u64| {
        let mut machine = Machine::new();
        let database = machine.open("db");
        database.put_opt(number(0), "synced", &synced()).unwrap();
        for n in 1..100 {
            database.put(number(n), "not synced").unwrap();
        }
        machine.cut(database, Unsynced::Torn { seed });
        count(&machine.open("db"))
    };
    let counts: Vec<u32> = (0..20).map(survivors).collect();
    assert_eq!(counts, (0..20).map(survivors).collect::<Vec<_>>(), "a seed repeats itself");
    assert!(counts.iter().all(|&count| (1..=100).contains(&count)), "{counts:?}");
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least < 40 && *most > 60, "what is left differs widely: {counts:?}");
}

#[test]
fn what_survived_one_cut_survives_the_next() {
    let mut machine = Machine::new();
    let database = machine.open("db");
    for n in 0..100 {
        database.put(number(n), "x").unwrap();
    }
    machine.cut(database, Unsynced::Torn { seed: 3 });
    let survived = count(&machine.open("db"));
    for seed in 0..5 {
        let database = machine.open("db");
        machine.cut(database, Unsynced::Torn { seed });
        assert_eq!(count(&machine.open("db")), survived);
        machine.power.restore_power(Unsynced::Lost).unwrap();
        assert_eq!(count(&machine.open("db")), survived);
    }
}

#[test]
fn while_the_power_is_off_every_write_fails() {
    let mut machine = Machine::new();
    let database = machine.open("db");
    machine.power.cut();
    let error = database.put("key", "value").unwrap_err();
    assert!(error.to_string().contains("the power is off"), "{error}");
    drop(database);
    assert!(machine.try_open("db").is_err());
    assert!(machine.power.is_off());
    machine.power.restore_power(Unsynced::Lost).unwrap();
    assert!(!machine.power.is_off());
    machine.open("db").put("key", "value").unwrap();
}

#[test]
fn the_power_stays_off_while_a_database_is_open() {
    let mut machine = Machine::new();
    let database = machine.open("db");
    machine.power.cut();
    let error = machine.power.restore_power(Unsynced::Lost).unwrap_err();
    assert!(error.to_string().contains("close the database first"), "{error}");
    assert!(machine.power.is_off());
    drop(database);
    machine.power.restore_power(Unsynced::Lost).unwrap();
}

#[test]
fn a_cut_at_any_operation_leaves_a_database_that_opens_and_has_what_was_acknowledged() {
    let mut acknowledged_before_cuts = 0;
    for operation in 0..200 {
        let mut machine = Machine::new();
        machine.power.cut_after(operation);
        let database = machine.try_open("db").ok();
        let put = |n: &u32| database.as_ref().is_some_and(|db| db.put_opt(number(*n), "x", &synced()).is_ok());
        let acknowledged = (0..5).take_while(put).count() as u32;
        drop(database);
        if !machine.power.is_off() {
            assert_eq!((acknowledged, acknowledged_before_cuts), (5, 4), "without a cut, and at most with one");
            assert!(operation > 20, "to open a new database takes many operations");
            return;
        }
        acknowledged_before_cuts = acknowledged;
        machine.power.restore_power(Unsynced::Lost).unwrap();
        let found = count(&machine.open("db"));
        assert!(found >= acknowledged, "cut before operation {operation}: {found} of {acknowledged}");
    }
    panic!("to open a database and write five times takes less than 200 operations");
}

#[test]
fn names_that_were_not_synced_are_lost() {
    let mut machine = Machine::new();
    // Cut when the files of a new database are there, and before its directory is synced.
    let undone = (0..100).map(|operation| {
        std::fs::remove_dir_all(machine.path("db")).ok();
        machine.power.cut_after(operation);
        drop(machine.try_open("db"));
        let loss = machine.power.restore_power(Unsynced::Lost).expect("no file is open");
        (loss.names_undone, machine.path("db/CURRENT").exists())
    });
    let undone: Vec<(u64, bool)> = undone.collect();
    assert!(undone.iter().any(|&(names, is_current)| names > 2 && !is_current), "{undone:?}");
    assert!(undone.iter().any(|&(_, is_current)| is_current), "{undone:?}");
}

#[test]
fn a_checkpoint_survives_although_its_directory_was_renamed() {
    let mut machine = Machine::new();
    let database = machine.open("db");
    for n in 0..20 {
        database.put(number(n), "x").unwrap();
    }
    Checkpoint::new(&database).unwrap().create_checkpoint(machine.path("checkpoint")).unwrap();
    let loss = machine.cut(database, Unsynced::Lost);
    assert_eq!(count(&machine.open("checkpoint")), 20, "{loss:?}");
}

#[test]
fn disk_environment_and_database_are_dropped_in_any_order() {
    fn opened(path: &Path) -> (PowerCut, rocksdb::Env, Options, DB) {
        let power = PowerCut::new();
        let env = power.env();
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_env(&env);
        let database = DB::open(&options, path).unwrap();
        (power, env, options, database)
    }
    let folder = folder::scratch(None).unwrap();
    let (power, env, options, database) = opened(folder.path());
    drop((power, env, options));
    database.put("key", "value").unwrap();
    drop(database);
    let (power, env, options, database) = opened(folder.path());
    drop(database);
    drop(options);
    drop(env);
    drop(power);
    let (power, env, ..) = opened(folder.path());
    drop(env);
    power.cut();
}
