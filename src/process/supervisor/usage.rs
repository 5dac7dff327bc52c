//! What the processes of a run use: memory, tasks, and files, read from /proc and from folders.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What one process, or all together, use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of private and shared memory, in RAM or swapped out. Pages that two processes share
    /// count twice.
    pub memory: u64,
    /// Processes and threads.
    pub tasks: u64,
}

/// What `processes` use together, from /proc/PID/status.
pub fn of_processes(processes: &[u32]) -> Usage {
    let mut sum = Usage::default();
    for pid in processes {
        let usage = std::fs::read_to_string(format!("/proc/{pid}/status")).map(|text| parse_status(&text));
        let usage = usage.unwrap_or_default();
        sum.memory += usage.memory;
        sum.tasks += usage.tasks;
    }
    sum
}

fn parse_status(text: &str) -> Usage {
    let mut usage = Usage::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key {
            "RssAnon" | "RssShmem" | "VmSwap" => usage.memory += kibibytes(value),
            "Threads" => usage.tasks = value.trim().parse().unwrap_or(1),
            _ => {}
        }
    }
    usage
}

/// `  1234 kB` in bytes.
fn kibibytes(value: &str) -> u64 {
    value.trim().trim_end_matches("kB").trim_end().parse::<u64>().unwrap_or(0) * 1024
}

/// Bytes of private memory of `processes` where a page that several share counts once. Exact and
/// slow; a process whose shares cannot be read counts whole.
pub fn shared_memory_once(processes: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
            return of_processes(&[*pid]).memory;
        };
        let wanted = ["Pss_Anon", "Pss_Shmem", "SwapPss"];
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| wanted.contains(key)).map(|(_, value)| kibibytes(value)).sum()
    };
    processes.iter().map(of).sum()
}

/// Bytes that the machine could still give to programs.
pub fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(kibibytes(line))
}

/// Files that are open in one of `processes` and have no name any more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nameless {
    /// Bytes in memory: memfd and shared memory, outside of the file systems in `known`.
    pub memory: u64,
    /// Bytes on the file systems in `known`.
    pub disk: u64,
}

/// What such files use. `known` are the devices of the run's writable folders.
pub fn nameless_files(processes: &[u32], known: &HashSet<u64>, scratch: Option<u64>) -> Nameless {
    let mut sum = Nameless::default();
    let mut seen = HashSet::new();
    for pid in processes {
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(file) = std::fs::metadata(entry.path()) else { continue };
            if file.nlink() > 0 || !file.is_file() || !seen.insert((file.dev(), file.ino())) {
                continue;
            }
            let bytes = file.blocks() * 512;
            if known.contains(&file.dev()) {
                sum.disk += bytes;
            } else if Some(file.dev()) != scratch {
                sum.memory += bytes;
            }
        }
    }
    sum
}

/// Bytes of System V shared memory of this IPC namespace, in RAM or swapped out.
pub fn system_v_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let mut lines = text.lines();
    let Some(header) = lines.next() else { return 0 };
    let columns: Vec<usize> = ["rss", "swap"]
        .iter()
        .filter_map(|name| header.split_whitespace().position(|column| column == *name))
        .collect();
    let bytes = |line: &str| -> u64 {
        let fields: Vec<&str> = line.split_whitespace().collect();
        columns.iter().filter_map(|column| fields.get(*column)?.parse::<u64>().ok()).sum()
    };
    lines.map(bytes).sum()
}

/// Bytes on disk of everything beneath `folders`, or nothing as soon as they are more than
/// `most` or the folders nest deeper than any build needs.
pub fn of_folders(folders: &[PathBuf], most: u64) -> Option<u64> {
    const DEEPEST: usize = 512;
    let mut sum = 0;
    let mut linked = HashSet::new();
    let mut open: Vec<(PathBuf, usize)> = folders.iter().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = open.pop() {
        if depth > DEEPEST {
            return None;
        }
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            // Not following links, and another file system is another mount's business.
            let Ok(file) = entry.metadata() else { continue };
            if file.nlink() > 1 && !file.is_dir() && !linked.insert((file.dev(), file.ino())) {
                continue;
            }
            // Entries themselves take room too, also empty ones.
            sum += file.blocks() * 512 + 64;
            if sum > most {
                return None;
            }
            if file.is_dir() {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    Some(sum)
}

/// The device of the file system at `path`.
pub fn device(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.dev())
}

/// Bytes that are used, and free, on the file system at `path`.
pub fn room(path: &Path) -> Option<(u64, u64)> {
    let room = rustix::fs::statvfs(path).ok()?;
    Some((room.f_blocks.saturating_sub(room.f_bfree) * room.f_frsize, room.f_bfree * room.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_page_is_read_in_bytes() {
        let text = "Name:\tx\nRssAnon:\t    1024 kB\nRssFile:\t 99 kB\nRssShmem:\t       4 kB\nThreads:\t3\nVmSwap:\t 1 kB\n";
        assert_eq!(parse_status(text), Usage { memory: (1024 + 4 + 1) * 1024, tasks: 3 });
        // A zombie has no memory and is still a task.
        assert_eq!(
            parse_status("Name:\tx\nState:\tZ (zombie)\nThreads:\t1\n"),
            Usage { memory: 0, tasks: 1 }
        );
    }

    #[test]
    fn this_process_uses_something() {
        let us = [std::process::id()];
        assert!(of_processes(&us).memory > 0 && of_processes(&us).tasks > 0);
        assert!(shared_memory_once(&us) > 0);
        assert!(memory_available().unwrap() > 0);
    }

    #[test]
    fn a_folder_counts_its_files_once_and_stops_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let file = folder.path().join("sub/a");
        std::fs::write(&file, vec![1; 1 << 20]).unwrap();
        std::fs::hard_link(&file, folder.path().join("b")).unwrap();
        std::os::unix::fs::symlink("/usr", folder.path().join("link")).unwrap();
        let folders = [folder.path().to_owned()];
        let bytes = of_folders(&folders, u64::MAX).unwrap();
        assert!((1 << 20..3 << 19).contains(&bytes), "{bytes}");
        assert_eq!(of_folders(&folders, 1 << 19), None);
    }

    #[test]
    fn a_file_without_a_name_is_found() {
        let file = tempfile::tempfile().unwrap();
        rustix::io::write(&file, &[1; 8192]).unwrap();
        file.sync_all().unwrap();
        let device = file.metadata().unwrap().dev();
        let found = nameless_files(&[std::process::id()], &HashSet::from([device]), None);
        assert!(found.disk >= 8192, "{found:?}");
    }
}
