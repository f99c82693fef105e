// A disk whose power can be cut, below RocksDB: its own fault-injection file system behind eight C functions.
//
//   DB ──▶ Env ──▶ PowerCutFs ──▶ FaultInjectionTestFS ──▶ the real file system
//                  counts operations,    holds back bytes that
//                  undoes names          were not synced
//
// RocksDB's class keeps appended bytes in memory until the file is synced. This file adds:
//
//   - The power can go off at the n-th operation, so that a cut falls inside a write, a flush, a checkpoint or a recovery.
//   - What returns with the power may be a random part of the un-synced bytes. `DropRandomUnsyncedFileData` promises
//     that, but cuts a copy in memory that `ResetState` discards, and divides by zero where nothing is buffered.
//   - A journal of names, whose un-synced end is undone. `DeleteFilesCreatedAfterLastDirSync` knows no deletions (a new log
//     would vanish although the deletion of the old one after it stays, which no journaling file system does) and fails
//     on directories that were renamed, as RocksDB does with each checkpoint.
//   - Without power nobody waits. RocksDB sleeps a second after each background error, for which a cut need not last.
//
// Compiled with the defines of librocksdb-sys (see build.rs): the classes used here must have the same layout there.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/composite_env_wrapper.h"
#include "rocksdb/c.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/system_clock.h"
#include "utilities/fault_injection_fs.h"

// The definition of rocksdb/db/c.cc, which no header has. `rocksdb_env_destroy` deletes both objects.
struct rocksdb_env_t {
  rocksdb::Env* rep;
  bool is_default;
};

extern "C" {
// What a return of the power found; the same struct stands in src/ffi.rs.
struct power_cut_loss_t {
  uint64_t bytes_kept;
  uint64_t bytes_lost;
  uint64_t names_undone;
};
}

namespace {

using rocksdb::FaultInjectionTestFS;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// What becomes of bytes and names that were not synced. The numbers stand in src/ffi.rs, too.
enum class Unsynced : int { kKept = 0, kTorn = 1, kLost = 2 };

// A change of a directory that can be undone.
struct NameChange {
  enum class Kind { kMade, kRenamed, kDeleted } kind;
  std::string name;
  // The name before, of what was renamed.
  std::string from;
  // The bytes of what was deleted, or replaced by a rename.
  std::optional<std::string> replaced;
};

class PowerCutFs final : public FaultInjectionTestFS {
 public:
  PowerCutFs() : FaultInjectionTestFS(FileSystem::Default()) {
    SetInjectUnsyncedDataLoss(true);
    // Else a link to a log that is still written to would end the process. On a real disk it is allowed.
    SetAllowLinkOpenFile(true);
  }

  void Cut() { SetFilesystemActive(false, IOStatus::IOError("the power is off")); }

  // The operation with this number, counted from now on and from 0, is the first that does not happen.
  void CutAfter(uint64_t operations) { until_cut_ = static_cast<int64_t>(operations); }

  uint64_t operations() const { return operations_; }

  // Stands before every operation that changes the disk. Harmless when the power is off already.
  void Step() {
    if (!IsFilesystemActive()) return;
    operations_++;
    if (until_cut_ >= 0 && until_cut_-- == 0) Cut();
  }

  IOStatus Restore(Unsynced unsynced, uint64_t seed, power_cut_loss_t* loss) {
    // Nothing is opened, renamed or deleted meanwhile.
    std::lock_guard<std::mutex> lock(journal_mutex_);
    if (open_files_ != 0) {
      return IOStatus::Busy(std::to_string(open_files_) + " files are still open for writing: close the database first");
    }
    until_cut_ = -1;
    SetFilesystemActive(true);
    IOStatus status = SettleBytes(unsynced, seed, loss);
    if (status.ok()) status = SettleNames(unsynced, seed, loss);
    // From here on everything that is on the disk counts as synced.
    ResetState();
    written_.clear();
    journal_.clear();
    operations_ = 0;
    return status;
  }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override;
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result, IODebugContext* debug) override;
  IOStatus NewDirectory(const std::string& name, const IOOptions& options, std::unique_ptr<FSDirectory>* result,
                        IODebugContext* debug) override;

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    Step();
    std::lock_guard<std::mutex> lock(journal_mutex_);
    bool is_directory = false;
    target()->IsDirectory(from, options, &is_directory, debug).PermitUncheckedError();
    NameChange change{NameChange::Kind::kRenamed, to, from, is_directory ? std::nullopt : Read(to)};
    IOStatus status = FaultInjectionTestFS::RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    if (is_directory) {
      MoveJournal(from, to);
    } else {
      written_.insert(to);
      journal_.push_back(std::move(change));
    }
    return status;
  }

  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    Step();
    std::lock_guard<std::mutex> lock(journal_mutex_);
    IOStatus status = FaultInjectionTestFS::LinkFile(from, to, options, debug);
    if (status.ok()) Made(to);
    return status;
  }

  IOStatus DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* debug) override {
    Step();
    std::lock_guard<std::mutex> lock(journal_mutex_);
    NameChange change{NameChange::Kind::kDeleted, name, "", Read(name)};
    IOStatus status = FaultInjectionTestFS::DeleteFile(name, options, debug);
    if (status.ok()) journal_.push_back(std::move(change));
    return status;
  }

  // The base class lets the next three through when the power is off. Directories come and go at once.
  IOStatus CreateDir(const std::string& name, const IOOptions& options, IODebugContext* debug) override {
    Step();
    return IsFilesystemActive() ? FaultInjectionTestFS::CreateDir(name, options, debug) : GetError();
  }

  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions& options, IODebugContext* debug) override {
    Step();
    return IsFilesystemActive() ? FaultInjectionTestFS::CreateDirIfMissing(name, options, debug) : GetError();
  }

  IOStatus DeleteDir(const std::string& name, const IOOptions& options, IODebugContext* debug) override {
    Step();
    IOStatus status = IsFilesystemActive() ? FaultInjectionTestFS::DeleteDir(name, options, debug) : GetError();
    if (status.ok()) DirectorySynced(name);
    return status;
  }

  // Nothing in it is undone any more.
  void DirectorySynced(const std::string& directory) {
    std::lock_guard<std::mutex> lock(journal_mutex_);
    auto is_in = [&](const NameChange& change) { return Directory(change.name) == Trimmed(directory); };
    journal_.erase(std::remove_if(journal_.begin(), journal_.end(), is_in), journal_.end());
  }

  // Open for writing now. The files themselves count, see CountedFile.
  std::atomic<int64_t> open_files_{0};

 private:
  static std::string Trimmed(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }

  static std::string Directory(const std::string& name) { return Trimmed(name.substr(0, name.rfind('/'))); }

  // Holding the mutex.
  void Made(const std::string& name) {
    written_.insert(name);
    journal_.push_back({NameChange::Kind::kMade, name, "", std::nullopt});
  }

  // Holding the mutex.
  void MoveJournal(const std::string& from, const std::string& to) {
    auto move = [&](std::string* name) {
      if (Directory(*name) == Trimmed(from)) *name = Trimmed(to) + name->substr(name->rfind('/'));
    };
    for (NameChange& change : journal_) {
      move(&change.name);
      move(&change.from);
    }
  }

  // What is on the real disk under this name.
  std::optional<std::string> Read(const std::string& name) {
    std::string bytes;
    return rocksdb::ReadFileToString(target(), name, &bytes).ok() ? std::optional(bytes) : std::nullopt;
  }

  // A number that depends on the seed and on the last part of the name, not on where the directory lies.
  static uint64_t Draw(uint64_t seed, const std::string& name) {
    uint64_t hash = 0xcbf29ce484222325;
    for (char c : name.substr(name.rfind('/') + 1)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return std::mt19937_64(seed ^ hash)();
  }

  // How much survives of so many bytes, or of so many changes of names.
  static uint64_t Kept(Unsynced unsynced, uint64_t all, uint64_t random) {
    if (unsynced == Unsynced::kKept) return all;
    if (unsynced == Unsynced::kLost) return 0;
    // A system writes one file out before it begins with the next, in an order of its own: none and all are likely.
    switch (random % 4) {
      case 0:
        return 0;
      case 1:
        return all;
      default:
        return (random >> 2) % (all + 1);
    }
  }

  // Appends to each real file what survives of its un-synced tail.
  IOStatus SettleBytes(Unsynced unsynced, uint64_t seed, power_cut_loss_t* loss) {
    for (const std::string& name : written_) {
      uint64_t appended = 0, synced = 0;
      // Files that were deleted or renamed meanwhile are no longer under this name.
      if (!target()->GetFileSize(name, IOOptions(), &synced, nullptr).ok()) continue;
      IOStatus status = GetFileSize(name, IOOptions(), &appended, nullptr);
      if (!status.ok()) return status;
      if (appended <= synced) continue;
      uint64_t tail = appended - synced, kept = Kept(unsynced, tail, Draw(seed, name));
      status = Persist(name, synced, kept);
      if (!status.ok()) return status;
      loss->bytes_kept += kept;
      loss->bytes_lost += tail - kept;
    }
    return IOStatus::OK();
  }

  IOStatus Persist(const std::string& name, uint64_t synced, uint64_t kept) {
    if (kept == 0) return IOStatus::OK();
    std::unique_ptr<char[]> scratch(new char[kept]);
    Slice tail;
    int64_t last_sync = -1;
    ReadUnsynced(name, synced, kept, &tail, scratch.get(), &last_sync);
    if (tail.size() != kept) return IOStatus::Corruption("the un-synced bytes are not contiguous in " + name);
    std::unique_ptr<FSWritableFile> file;
    IOStatus status = target()->ReopenWritableFile(name, FileOptions(), &file, nullptr);
    if (status.ok()) status = file->Append(tail, IOOptions(), nullptr);
    if (status.ok()) status = file->Close(IOOptions(), nullptr);
    return status;
  }

  // Undoes the last changes of names, the newest first.
  IOStatus SettleNames(Unsynced unsynced, uint64_t seed, power_cut_loss_t* loss) {
    uint64_t kept = Kept(unsynced, journal_.size(), Draw(seed, "names"));
    IOStatus status;
    for (; status.ok() && journal_.size() > kept; journal_.pop_back()) {
      status = Undo(journal_.back());
      loss->names_undone++;
    }
    return status;
  }

  IOStatus Undo(const NameChange& change) {
    const IOOptions options;
    // A program removed the whole directory past this file system.
    if (!target()->FileExists(Directory(change.name), options, nullptr).ok()) return IOStatus::OK();
    IOStatus status;
    // A program may have removed the file itself, too.
    if (change.kind == NameChange::Kind::kMade && target()->FileExists(change.name, options, nullptr).ok()) {
      status = target()->DeleteFile(change.name, options, nullptr);
    }
    if (change.kind == NameChange::Kind::kRenamed) {
      status = target()->RenameFile(change.name, change.from, options, nullptr);
    }
    if (status.ok() && change.replaced) {
      status = rocksdb::WriteStringToFile(target(), *change.replaced, change.name, false, options);
    }
    return status;
  }

  std::atomic<int64_t> until_cut_{-1};
  std::atomic<uint64_t> operations_{0};
  // Over the next two, and over each change of a name, so that the journal has them in their order. Always taken before
  // the mutex of the base class.
  std::mutex journal_mutex_;
  std::vector<NameChange> journal_;
  // Names of files that may have un-synced bytes.
  std::set<std::string> written_;
};

// A file whose operations count.
class CountedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CountedFile(std::unique_ptr<FSWritableFile>&& file, PowerCutFs* fs)
      : FSWritableFileOwnerWrapper(std::move(file)), fs_(fs) {
    fs_->open_files_++;
  }
  ~CountedFile() override { fs_->open_files_--; }

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& info,
                  IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::Append(data, options, info, debug);
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, debug);
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, info, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }
  IOStatus RangeSync(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    fs_->Step();
    return FSWritableFileOwnerWrapper::RangeSync(offset, size, options, debug);
  }

 private:
  PowerCutFs* fs_;
};

// A directory that tells when it is synced.
class CountedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  CountedDirectory(std::unique_ptr<FSDirectory>&& directory, std::string name, PowerCutFs* fs)
      : FSDirectoryWrapper(std::move(directory)), name_(std::move(name)), fs_(fs) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    fs_->Step();
    return Synced(FSDirectoryWrapper::Fsync(options, debug));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& how) override {
    fs_->Step();
    return Synced(FSDirectoryWrapper::FsyncWithDirOptions(options, debug, how));
  }

 private:
  IOStatus Synced(IOStatus status) {
    if (status.ok()) fs_->DirectorySynced(name_);
    return status;
  }

  const std::string name_;
  PowerCutFs* fs_;
};

IOStatus PowerCutFs::NewWritableFile(const std::string& name, const FileOptions& options,
                                     std::unique_ptr<FSWritableFile>* result, IODebugContext* debug) {
  Step();
  std::lock_guard<std::mutex> lock(journal_mutex_);
  bool is_new = !target()->FileExists(name, IOOptions(), nullptr).ok();
  IOStatus status = FaultInjectionTestFS::NewWritableFile(name, options, result, debug);
  if (!status.ok()) return status;
  if (is_new) Made(name);
  written_.insert(name);
  result->reset(new CountedFile(std::move(*result), this));
  return status;
}

IOStatus PowerCutFs::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                        std::unique_ptr<FSWritableFile>* result, IODebugContext* debug) {
  Step();
  std::lock_guard<std::mutex> lock(journal_mutex_);
  bool is_new = !target()->FileExists(name, IOOptions(), nullptr).ok();
  IOStatus status = FaultInjectionTestFS::ReopenWritableFile(name, options, result, debug);
  if (!status.ok()) return status;
  if (is_new) Made(name);
  written_.insert(name);
  result->reset(new CountedFile(std::move(*result), this));
  return status;
}

IOStatus PowerCutFs::NewDirectory(const std::string& name, const IOOptions& options,
                                  std::unique_ptr<FSDirectory>* result, IODebugContext* debug) {
  IOStatus status = FaultInjectionTestFS::NewDirectory(name, options, result, debug);
  if (status.ok()) result->reset(new CountedDirectory(std::move(*result), name, this));
  return status;
}

// The time of the system, in which sleep is short while the power is off.
class PowerCutClock final : public rocksdb::SystemClockWrapper {
 public:
  explicit PowerCutClock(std::shared_ptr<PowerCutFs> fs)
      : SystemClockWrapper(rocksdb::SystemClock::Default()), fs_(std::move(fs)) {}

  static const char* kClassName() { return "PowerCutClock"; }
  const char* Name() const override { return kClassName(); }

  void SleepForMicroseconds(int micros) override {
    SystemClockWrapper::SleepForMicroseconds(fs_->IsFilesystemActive() ? micros : std::min(micros, 100));
  }

 private:
  std::shared_ptr<PowerCutFs> fs_;
};

}  // namespace

extern "C" {

// One owner of the file system; every Env is a further one, so that either may go first.
struct power_cut_t {
  std::shared_ptr<PowerCutFs> fs;
};

power_cut_t* power_cut_create() noexcept { return new power_cut_t{std::make_shared<PowerCutFs>()}; }

void power_cut_destroy(power_cut_t* power) noexcept { delete power; }

// A new Env, which belongs to the caller: rocksdb_env_destroy ends it.
rocksdb_env_t* power_cut_env(power_cut_t* power) noexcept {
  auto clock = std::make_shared<PowerCutClock>(power->fs);
  return new rocksdb_env_t{new rocksdb::CompositeEnvWrapper(rocksdb::Env::Default(), power->fs, clock), false};
}

void power_cut_now(power_cut_t* power) noexcept { power->fs->Cut(); }

void power_cut_after(power_cut_t* power, uint64_t operations) noexcept { power->fs->CutAfter(operations); }

bool power_cut_is_off(power_cut_t* power) noexcept { return !power->fs->IsFilesystemActive(); }

uint64_t power_cut_operations(power_cut_t* power) noexcept { return power->fs->operations(); }

// Null where it went well, else a sentence that belongs to the caller: rocksdb_free ends it.
char* power_cut_restore(power_cut_t* power, int unsynced, uint64_t seed, power_cut_loss_t* loss) noexcept {
  IOStatus status = power->fs->Restore(static_cast<Unsynced>(unsynced), seed, loss);
  return status.ok() ? nullptr : strdup(status.ToString().c_str());
}
}
