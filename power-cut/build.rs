//! Compiles the shim against the headers inside librocksdb-sys, with the defines that its RocksDB was compiled with.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=shim");
    println!("cargo::rerun-if-env-changed=ROCKSDB_LIB_DIR");
    println!("cargo::rerun-if-env-changed=ROCKSDB_CXX_STD");
    if env::var_os("ROCKSDB_LIB_DIR").is_some() {
        panic!(
            "ROCKSDB_LIB_DIR is set: a RocksDB of the system has no fault-injection file system. \
             Unset it, or leave out the package gress-power-cut"
        );
    }
    // librocksdb-sys says where it lies, to packages that depend on it directly.
    let sources = env::var_os("DEP_ROCKSDB_CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .expect("the build script of librocksdb-sys sets `cargo_manifest_dir`")
        .join("rocksdb");

    let mut shim = cc::Build::new();
    shim.cpp(true).file("shim/power_cut.cc").include(&sources).include(sources.join("include"));
    // A changed layout of a class would be silent: each of these is one of RocksDB's build.rs.
    shim.flag(standard()).flag("-include").flag("cstdint");
    shim.define("NDEBUG", "1").define("HAVE_ALIGNED_NEW", None).define("HAVE_UINT128_EXTENSION", None);
    shim.define("ROCKSDB_PLATFORM_POSIX", None).define("ROCKSDB_LIB_IO_POSIX", None);
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => {
            shim.define("OS_LINUX", None);
            shim.define("ROCKSDB_SCHED_GETCPU_PRESENT", None).define("ROCKSDB_AUXV_GETAUXVAL_PRESENT", None);
            shim.define("ROCKSDB_FALLOCATE_PRESENT", None).define("ROCKSDB_RANGESYNC_PRESENT", None);
        }
        Ok("macos") => {
            shim.define("OS_MACOSX", None);
        }
        other => panic!("power cuts are simulated on Linux and macOS only, and this is {other:?}"),
    }
    // Headers of RocksDB name parameters that they do not use.
    shim.flag("-Wno-unused-parameter");
    shim.compile("power_cut_shim");
}

fn standard() -> String {
    let chosen = env::var("ROCKSDB_CXX_STD").unwrap_or_else(|_| "c++20".to_owned());
    if chosen.starts_with("-std=") { chosen } else { format!("-std={chosen}") }
}
