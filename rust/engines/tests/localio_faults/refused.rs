//! What the system forbids: io_uring, locked memory, other people's files.
//!
//! Filters and user ids belong to a thread on Linux, so each case runs in one of its own.

use std::os::unix::fs::PermissionsExt;

use gpuio_core::uri::LocalBackend;
use gpuio_core::ErrorCode;
use gpuio_engines::localio::{LocalIoEngine, LocalIoOptions};
use gpuio_engines::{Engine, Engines, EnginesOptions, TransferKind};

use crate::support::{file_uri, finish, for_reading, for_writing, read, transfer, Arena, Folder};

const NOBODY: libc::c_long = 65_534;

fn in_a_thread<T: Send + 'static>(case: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(case).join().expect("no panic")
}

fn options(backend: LocalBackend) -> LocalIoOptions {
    LocalIoOptions {
        queue_depth: 8,
        backend,
        registered_arena: None,
    }
}

/// From now on `io_uring_setup` answers this thread with `errno`.
fn forbid_io_uring(errno: i32) {
    forbid(libc::SYS_io_uring_setup, errno);
}

/// From now on the system call answers this thread with `errno`.
fn forbid(call: libc::c_long, errno: i32) {
    let statement = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut program = [
        // The system call's number is the first word of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            call as u32,
        ),
        statement(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | errno as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program outlives the calls, which copy it; both concern this thread only.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        assert_eq!(libc::syscall(libc::SYS_seccomp, mode, 0, &filter), 0);
    }
}

/// Makes this thread an ordinary user's. `false` when it cannot be.
fn become_nobody() -> bool {
    // SAFETY: plain numbers; the raw call changes this thread only, unlike libc's function.
    unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0 }
}

#[test]
fn threads_take_over_where_io_uring_is_refused() {
    for (errno, hint) in [
        (libc::ENOSYS, "seccomp"),
        (libc::EPERM, "io_uring_disabled"),
    ] {
        in_a_thread(move || {
            forbid_io_uring(errno);
            let folder = Folder::new();
            let path = folder.file("data", &[2; 100_000]);
            let mut engine = LocalIoEngine::new(options(LocalBackend::Auto)).expect("threads");
            assert_eq!(engine.backend(), LocalBackend::Threads);
            let uri = file_uri(&path, "");
            let (id, info) = engine.open(&uri, for_reading(100_000)).expect("it opens");
            assert!(
                info.path.contains("threads") && info.path.contains(hint),
                "{}",
                info.path
            );
            let mut arena = Arena::new(102_400);
            read(&mut engine, id, 0, arena.span(0, 100_000)).expect("it reads");
            assert!(arena.bytes(0, 100_000).iter().all(|&byte| byte == 2));

            let refused = LocalIoEngine::new(options(LocalBackend::IoUring)).err();
            let error = refused.expect("io_uring by name is refused");
            assert_eq!(
                (error.code, error.os_error),
                (ErrorCode::Unsupported, errno)
            );
            assert!(error.message.contains("backend=threads"));
        });
    }
}

/// As when a filter is installed after the start: nothing hangs, and nothing is lost.
#[test]
fn transfers_fail_when_io_uring_stops_working() {
    in_a_thread(|| {
        let folder = Folder::new();
        let path = folder.file("data", &[2; 65_536]);
        let Ok(mut engine) = LocalIoEngine::new(options(LocalBackend::IoUring)) else {
            println!("skipped: there is no io_uring here");
            return;
        };
        let (id, _) = engine
            .open(&file_uri(&path, ""), for_reading(65_536))
            .expect("it opens");
        let arena = Arena::new(65_536);
        read(&mut engine, id, 0, arena.span(0, 65_536)).expect("it reads");
        forbid(libc::SYS_io_uring_enter, libc::EPERM);
        for round in 0..3 {
            for token in 0..8u64 {
                let span = arena.span((token * 4096) as usize, 4096);
                let one = transfer(token, TransferKind::Read, id, token * 4096, vec![span]);
                engine.queue(one).expect("there is room");
            }
            let completions = finish(&mut engine);
            assert_eq!(completions.len(), 8, "round {round}");
            for completion in completions {
                let error = completion.result.expect_err("it cannot be read");
                assert_eq!(
                    (error.code, error.os_error),
                    (ErrorCode::Permission, libc::EPERM)
                );
            }
        }
    });
}

#[test]
fn a_uri_that_names_io_uring_fails_with_the_reason_where_it_is_refused() {
    in_a_thread(|| {
        forbid_io_uring(libc::EPERM);
        let folder = Folder::new();
        let path = folder.file("data", &[2; 4096]);
        let uri = file_uri(&path, "backend=io_uring");
        let mut engines = Engines::new(EnginesOptions::default());
        let error = engines.open(&uri, for_reading(4096)).expect_err("refused");
        assert_eq!(error.code, ErrorCode::Unsupported);
        assert!(error.message.contains("io_uring_disabled"), "{error}");
        let mut engine = LocalIoEngine::new(options(LocalBackend::Auto)).expect("threads");
        let error = engine.open(&uri, for_reading(4096)).expect_err("refused");
        assert_eq!(error.code, ErrorCode::Unsupported);
        assert!(error.message.contains("io_uring_disabled"), "{error}");
    });
}

#[test]
fn a_uri_can_name_the_other_backend() {
    let folder = Folder::new();
    let path = folder.file("data", &[2; 4096]);
    let mut engines = Engines::new(EnginesOptions::default());
    let arena = Arena::new(8192);
    let mut paths = Vec::new();
    for backend in ["auto", "threads"] {
        let uri = file_uri(&path, &format!("backend={backend}"));
        let (id, info) = engines.open(&uri, for_reading(4096)).expect("it opens");
        read(&mut engines, id, 0, arena.span(0, 4096)).expect("it reads");
        paths.push(info.path);
    }
    assert!(paths[1].contains("threads"), "{paths:?}");
}

#[test]
fn forbidden_files_are_named_as_such() {
    let folder = Folder::new();
    let secret = folder.file("secret", &[0; 4096]);
    let public = folder.file("public", &[0; 4096]);
    let mode = |path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its owner");
    };
    mode(&secret, 0o600);
    mode(&public, 0o644);
    mode(&folder.path().to_path_buf(), 0o755);
    in_a_thread(move || {
        if !become_nobody() {
            println!("skipped: changing the user needs root");
            return;
        }
        let mut engine = LocalIoEngine::new(options(LocalBackend::Auto)).expect("it starts");
        let mut code = |path, options| {
            engine
                .open(&file_uri(path, ""), options)
                .map_err(|e| e.code)
        };
        assert_eq!(
            code(&secret, for_reading(1)).err(),
            Some(ErrorCode::Permission)
        );
        assert_eq!(
            code(&public, for_writing(1)).err(),
            Some(ErrorCode::Permission)
        );
        assert!(code(&public, for_reading(1)).is_ok());
    });
}

#[test]
fn without_locked_memory_it_goes_on_unregistered() {
    in_a_thread(|| {
        // The limit is the whole process's; the other tests register nothing that large.
        let limit = libc::rlimit {
            rlim_cur: 1 << 20,
            rlim_max: 1 << 20,
        };
        // SAFETY: a valid limit.
        let limited = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) } == 0;
        if !limited || !become_nobody() {
            println!("skipped: giving up privileges needs root");
            return;
        }
        let folder = Folder::new();
        let path = folder.file("data", &[8; 1 << 20]);
        let mut arena = Arena::new(8 << 20);
        let registered_arena = Some(arena.whole());
        let options = LocalIoOptions {
            registered_arena,
            ..options(LocalBackend::Auto)
        };
        let mut engine = LocalIoEngine::new(options).expect("it starts");
        let (id, info) = engine
            .open(&file_uri(&path, ""), for_reading(1 << 20))
            .expect("opens");
        if engine.backend() == LocalBackend::IoUring {
            assert!(info.path.contains("unregistered memory"), "{}", info.path);
            assert!(info.path.contains("ulimit -l"), "{}", info.path);
        }
        read(&mut engine, id, 0, arena.span(0, 1 << 20)).expect("it reads");
        assert!(arena.bytes(0, 1 << 20).iter().all(|&byte| byte == 8));
    });
}
