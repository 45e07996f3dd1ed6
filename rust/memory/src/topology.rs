//! What devices report about the machine: memory size and whether CXL memory is there.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The most bytes read of one file of sysfs; a node list of a large machine takes a few dozen.
const SYSFS_READ_LIMIT_BYTES: u64 = 4096;

/// The most entries of the CXL bus looked at.
const CXL_ENTRY_LIMIT: usize = 1024;

/// The highest node number believed; Linux builds with at most 1024 nodes.
const NODE_LIMIT: u32 = 1024;

/// The machine's physical memory in bytes; 0 when the system does not tell.
pub(crate) fn physical_memory_bytes() -> u64 {
    // SAFETY: `sysconf` reads a number and has no other effect.
    let (pages, page_bytes) = unsafe {
        (
            libc::sysconf(libc::_SC_PHYS_PAGES),
            libc::sysconf(libc::_SC_PAGESIZE),
        )
    };
    let pages = u64::try_from(pages).unwrap_or(0);
    pages.saturating_mul(u64::try_from(page_bytes).unwrap_or(0))
}

/// Whether the machine shows CXL memory: a memory device on the CXL bus, or a NUMA node that has
/// memory and no CPU, which is how the kernel presents CXL memory in use as system memory. Other
/// slow memory can look the same, so this is a hint and not a proof.
pub(crate) fn has_cxl_memory() -> bool {
    has_cxl_device(Path::new("/sys/bus/cxl/devices"))
        || has_cpuless_node(Path::new("/sys/devices/system/node"))
}

fn has_cxl_device(bus: &Path) -> bool {
    let Ok(entries) = fs::read_dir(bus) else {
        return false;
    };
    // `mem0` and so on are memory devices; `root0`, `decoder0.0` exist without any.
    entries
        .take(CXL_ENTRY_LIMIT)
        .flatten()
        .any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"mem"))
}

fn has_cpuless_node(nodes: &Path) -> bool {
    let list = |name| read_start(&nodes.join(name)).map(|text| parse_node_list(&text));
    let (Some(memory), Some(cpu)) = (list("has_memory"), list("has_cpu")) else {
        return false;
    };
    memory.iter().any(|node| !cpu.contains(node))
}

fn read_start(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(SYSFS_READ_LIMIT_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// The numbers of a kernel list such as `0-2,5`. What does not parse is left out.
fn parse_node_list(text: &str) -> Vec<u32> {
    let mut nodes = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            nodes.extend(first..=last.min(NODE_LIMIT));
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_size_is_plausible() {
        assert!(physical_memory_bytes() > 64 << 20);
    }

    #[test]
    fn node_lists_parse_and_are_bounded() {
        assert_eq!(parse_node_list("0\n"), [0]);
        assert_eq!(parse_node_list("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(parse_node_list(""), Vec::<u32>::new());
        assert_eq!(parse_node_list("x,3-y,4"), [4]);
        assert_eq!(parse_node_list("0-4294967295").len() as u32, NODE_LIMIT + 1);
    }

    #[test]
    fn a_node_with_memory_and_no_cpu_counts_as_cxl() {
        let folder = std::env::temp_dir().join(format!("gpuio-topology-{}", std::process::id()));
        fs::create_dir_all(folder.join("bus/root0")).expect("temp dir");
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("write");
        write("has_memory", "0-1\n");
        write("has_cpu", "0-1\n");
        assert!(!has_cpuless_node(&folder));
        write("has_cpu", "0\n");
        assert!(has_cpuless_node(&folder));

        assert!(!has_cxl_device(&folder.join("bus")));
        fs::create_dir(folder.join("bus/mem0")).expect("temp dir");
        assert!(has_cxl_device(&folder.join("bus")));
        assert!(!has_cxl_device(&folder.join("absent")));
        fs::remove_dir_all(&folder).expect("clean up");
    }
}
