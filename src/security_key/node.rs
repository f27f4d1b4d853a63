//! The keys that are plugged into this host: `/dev/hidraw*`, found in sysfs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{major, minor};

use super::device::{Device, REPORT_BYTES, Report};
use super::fault::NotOpened;
use super::place::AtThisHost;

/// Where the kernel lists its nodes, and where they are.
const SYSFS: &str = "/sys/class/hidraw";
const DEV: &str = "/dev";
/// How many nodes are looked at.
const MAX_NODES: usize = 64;
/// The longest report descriptor (`HID_MAX_DESCRIPTOR_SIZE`).
const MAX_DESCRIPTOR: u64 = 4096;

/// The keys of this host.
#[derive(Debug, Default)]
pub struct PluggedIn {
    /// Those that this process may use.
    pub keys: Vec<Node>,
    /// Those that it may not, by the number in `hidraw7`, and why.
    pub refused: Vec<(u32, NotOpened)>,
}

/// A key behind a node of the kernel.
#[derive(Debug)]
pub struct Node {
    number: u32,
    file: File,
    /// What has come of a report so far: hidraw gives whole ones.
    begun: Vec<u8>,
}

impl Node {
    /// The number in the node's name, such as `hidraw3`.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

/// Finds the keys that are plugged in, and opens them: for somebody who sits here.
#[must_use]
pub fn plugged_in(_: &AtThisHost) -> PluggedIn {
    find(Path::new(SYSFS), Path::new(DEV))
}

fn find(sysfs: &Path, dev: &Path) -> PluggedIn {
    let mut found = PluggedIn::default();
    let Ok(entries) = std::fs::read_dir(sysfs) else {
        return found;
    };
    let mut numbers: Vec<u32> = Vec::new();
    for entry in entries.filter_map(Result::ok).take(MAX_NODES) {
        if let Some(number) = entry.file_name().to_str().and_then(number_of) {
            let place = numbers.partition_point(|other| *other < number);
            numbers.insert(place, number);
        }
    }
    for number in numbers {
        let name = format!("hidraw{number}");
        let entry = sysfs.join(&name);
        if !is_key(&entry) {
            continue;
        }
        match open(&entry, &dev.join(&name)) {
            Ok(file) => found.keys.push(Node {
                number,
                file,
                begun: Vec::with_capacity(REPORT_BYTES),
            }),
            Err(why) => found.refused.push((number, why)),
        }
    }
    found
}

/// The number in `hidraw7`.
fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix("hidraw")?;
    let parsed = number.parse().ok()?;
    // "+7" and "07" are numbers, too, and no names that the kernel gives.
    (number == format!("{parsed}")).then_some(parsed)
}

/// Whether the device's report descriptor says that it is a FIDO key.
fn is_key(entry: &Path) -> bool {
    let mut descriptor = Vec::new();
    File::open(entry.join("device/report_descriptor"))
        .and_then(|file| file.take(MAX_DESCRIPTOR).read_to_end(&mut descriptor))
        .is_ok_and(|_| describes_key(&descriptor))
}

/// Whether the first collection of a report descriptor has usage 1 of the page F1D0
/// (HID 1.11, section 6.2.2).
#[must_use]
pub fn describes_key(descriptor: &[u8]) -> bool {
    const USAGE_PAGE: u8 = 0x04;
    const USAGE: u8 = 0x08;
    const COLLECTION: u8 = 0xa0;
    const LONG: u8 = 0xfe;
    let (mut page, mut usage) = (0_u32, 0_u32);
    let mut rest = descriptor;
    while let Some((head, data)) = rest.split_first() {
        if *head == LONG {
            return false;
        }
        let length = match head & 0x03 {
            3 => 4,
            length => usize::from(length),
        };
        let Some((value, behind)) = data.split_at_checked(length) else {
            return false;
        };
        let value = value
            .iter()
            .rev()
            .fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
        match head & 0xfc {
            USAGE_PAGE => page = value,
            USAGE => usage = value,
            COLLECTION => return page == 0xf1d0 && usage == 1,
            _ => {}
        }
        rest = behind;
    }
    false
}

/// Opens the node, then judges it by the open descriptor: a character device, and the
/// very one that sysfs lists.
fn open(entry: &Path, node: &Path) -> Result<File, NotOpened> {
    let refused = |error: io::Error| {
        let number = error.raw_os_error().unwrap_or(libc::EIO);
        NotOpened::Refused(Errno::from_raw(number))
    };
    let mut listed = String::new();
    File::open(entry.join("dev"))
        .and_then(|file| file.take(32).read_to_string(&mut listed))
        .map_err(refused)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(node)
        .map_err(refused)?;
    let metadata = file.metadata().map_err(refused)?;
    let device = metadata.rdev();
    let opened = format!("{}:{}", major(device), minor(device));
    if !metadata.file_type().is_char_device() || listed.trim_end() != opened {
        return Err(NotOpened::NotListed);
    }
    Ok(file)
}

impl Device for Node {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        // The number of the report is in front: these keys number none.
        let mut numbered = [0_u8; REPORT_BYTES + 1];
        for (place, byte) in numbered.iter_mut().skip(1).zip(report) {
            *place = *byte;
        }
        match self.file.write(&numbered) {
            Ok(written) if written == numbered.len() => Ok(()),
            Ok(_) => Err(io::Error::other("half a report was written")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }

    fn receive(&mut self) -> io::Result<Option<Report>> {
        let mut bytes = [0_u8; REPORT_BYTES];
        let missing = REPORT_BYTES.saturating_sub(self.begun.len());
        let room = bytes.get_mut(..missing).unwrap_or_default();
        let read = match self.file.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.begun.extend(bytes.iter().take(read));
        let Ok(report) = Report::try_from(self.begun.as_slice()) else {
            return Ok(None);
        };
        self.begun.clear();
        Ok(Some(report))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// How the descriptor of a key begins, and those of a keyboard and a mouse.
    const KEY: &[u8] = &[0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x20];
    const KEYBOARD: &[u8] = &[0x05, 0x01, 0x09, 0x06, 0xa1, 0x01];

    #[test]
    fn only_a_fido_key_is_one() {
        assert!(describes_key(KEY));
        assert!(describes_key(&[0x09, 0x01, 0x06, 0xd0, 0xf1, 0xa1, 0x01]));
        for other in [
            KEYBOARD,
            &[],
            &[0x06],
            &[0x06, 0xd0, 0xf1],
            &[0x06, 0xd0, 0xf1, 0x09, 0x02, 0xa1, 0x01],
            // The page of what is within a keyboard's collection.
            &[
                0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01,
            ],
            &[0xfe, 0x02, 0x00, 0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01],
            &[0xff; 64],
        ] {
            assert!(!describes_key(other), "{other:x?}");
        }
    }

    #[test]
    fn a_node_is_the_device_that_sysfs_lists_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let (sysfs, dev) = (dir.path().join("sys"), dir.path().join("dev"));
        std::fs::create_dir(&dev).unwrap();
        let lay = |name: &str, number: &str, descriptor: &[u8]| {
            let entry = sysfs.join(name);
            std::fs::create_dir_all(entry.join("device")).unwrap();
            std::fs::write(entry.join("dev"), number).unwrap();
            std::fs::write(entry.join("device/report_descriptor"), descriptor).unwrap();
        };
        lay("hidraw0", "1:3\n", KEYBOARD);
        lay("hidraw1", "1:3\n", KEY);
        lay("hidraw2", "1:5\n", KEY);
        lay("hidraw3", "1:3\n", KEY);
        lay("hidraw4", "1:3\n", KEY);
        lay("hidraw5x", "1:3\n", KEY);
        lay("hidraw06", "1:3\n", KEY);
        symlink("/dev/null", dev.join("hidraw1")).unwrap();
        std::fs::write(dev.join("hidraw2"), "").unwrap();
        let found = find(&sysfs, &dev);
        assert!(found.keys.is_empty());
        let refused: Vec<u32> = found.refused.iter().map(|(number, _)| *number).collect();
        assert_eq!(refused, [1, 2, 3, 4]);
        // The very device: /dev itself has it.
        let null = Path::new("/dev/null");
        assert!(open(&sysfs.join("hidraw1"), null).is_ok());
        assert!(open(&sysfs.join("hidraw2"), null).is_err());
    }
}
