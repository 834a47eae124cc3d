#pragma once

#include <sqlite3.h>

#include <cstring>
#include <string>

namespace headroom::test {

/// SQLite's file system with faults: while it lives, it is SQLite's default, and the n-th call that
/// changes a file (write, truncate, sync, size of shared memory) fails, once or from then on.
class FailingVfs {
 public:
  FailingVfs() : base_(sqlite3_vfs_find(nullptr)), vfs_(*base_) {
    vfs_.zName = "failing";
    vfs_.szOsFile = base_->szOsFile + static_cast<int>(sizeof(File));
    vfs_.pAppData = this;
    vfs_.pNext = nullptr;
    vfs_.xOpen = &open;
    sqlite3_vfs_register(&vfs_, /*makeDflt=*/1);
  }

  ~FailingVfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(base_, /*makeDflt=*/1);
  }

  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;

  /// `call` is counted from 1 after this; 0: nothing fails.
  void fail_at(int call, int code, bool forever) {
    calls_ = 0;
    fail_at_ = call;
    code_ = code;
    forever_ = forever;
    failed_ = 0;
  }

  void heal() { fail_at_ = 0; }

  int failed() const { return failed_; }

  int syncs() const { return syncs_; }

 private:
  struct File {
    sqlite3_file base;
    FailingVfs* vfs;
    sqlite3_file* real;
  };

  static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }

  int next() {
    ++calls_;
    if (fail_at_ == 0 || calls_ < fail_at_ || (calls_ > fail_at_ && !forever_)) {
      return SQLITE_OK;
    }
    ++failed_;
    return code_;
  }

  template <typename Call>
  static int guarded(sqlite3_file* file, const Call& call) {
    const int code = of(file)->vfs->next();
    sqlite3_file* real = of(file)->real;
    return code != SQLITE_OK ? code : call(real);
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    auto* self = static_cast<FailingVfs*>(vfs->pAppData);
    File* ours = of(file);
    ours->base.pMethods = nullptr;
    ours->vfs = self;
    ours->real = reinterpret_cast<sqlite3_file*>(ours + 1);
    std::memset(ours->real, 0, static_cast<std::size_t>(self->base_->szOsFile));
    const int code = self->base_->xOpen(self->base_, name, ours->real, flags, out);
    if (ours->real->pMethods != nullptr) {
      ours->base.pMethods = &methods();
    }
    return code;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods kMethods = {
        3,
        [](sqlite3_file* f) { return of(f)->real->pMethods->xClose(of(f)->real); },
        [](sqlite3_file* f, void* p, int n, sqlite3_int64 at) {
          return of(f)->real->pMethods->xRead(of(f)->real, p, n, at);
        },
        [](sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
          return guarded(f, [&](sqlite3_file* r) { return r->pMethods->xWrite(r, p, n, at); });
        },
        [](sqlite3_file* f, sqlite3_int64 size) {
          return guarded(f, [&](sqlite3_file* r) { return r->pMethods->xTruncate(r, size); });
        },
        [](sqlite3_file* f, int flags) {
          ++of(f)->vfs->syncs_;
          return guarded(f, [&](sqlite3_file* r) { return r->pMethods->xSync(r, flags); });
        },
        [](sqlite3_file* f, sqlite3_int64* size) {
          return of(f)->real->pMethods->xFileSize(of(f)->real, size);
        },
        [](sqlite3_file* f, int lock) { return of(f)->real->pMethods->xLock(of(f)->real, lock); },
        [](sqlite3_file* f, int lock) { return of(f)->real->pMethods->xUnlock(of(f)->real, lock); },
        [](sqlite3_file* f, int* held) {
          return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, held);
        },
        [](sqlite3_file* f, int op, void* arg) {
          return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
        },
        [](sqlite3_file* f) { return of(f)->real->pMethods->xSectorSize(of(f)->real); },
        [](sqlite3_file* f) { return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real); },
        [](sqlite3_file* f, int page, int size, int extend, volatile void** out) {
          // Only a call that may grow the file can meet a full disk.
          if (extend == 0) {
            return of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, out);
          }
          return guarded(
              f, [&](sqlite3_file* r) { return r->pMethods->xShmMap(r, page, size, extend, out); });
        },
        [](sqlite3_file* f, int offset, int n, int flags) {
          return of(f)->real->pMethods->xShmLock(of(f)->real, offset, n, flags);
        },
        [](sqlite3_file* f) { of(f)->real->pMethods->xShmBarrier(of(f)->real); },
        [](sqlite3_file* f, int remove) {
          return of(f)->real->pMethods->xShmUnmap(of(f)->real, remove);
        },
        [](sqlite3_file* f, sqlite3_int64 at, int n, void** out) {
          return of(f)->real->pMethods->xFetch(of(f)->real, at, n, out);
        },
        [](sqlite3_file* f, sqlite3_int64 at, void* p) {
          return of(f)->real->pMethods->xUnfetch(of(f)->real, at, p);
        },
    };
    return kMethods;
  }

  sqlite3_vfs* base_;
  sqlite3_vfs vfs_;
  int calls_ = 0;
  int fail_at_ = 0;
  int code_ = SQLITE_OK;
  bool forever_ = false;
  int failed_ = 0;
  int syncs_ = 0;
};

}  // namespace headroom::test
