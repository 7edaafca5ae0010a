//! Does to the folder given as first argument what programs do to files, and prints a line for each thing that was as
//! POSIX has it. The first one that was not is told on stderr, and the exit code is 1.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;

type Check = fn(&Path) -> io::Result<bool>;

const CHECKS: [(&str, Check); 14] = [
    ("a new file is empty", new_file),
    ("a file is made once where that is asked", exclusive),
    ("what was written is read", written),
    ("reads and writes go on where a seek went", seeks),
    ("appends go to the end", appends),
    ("a shorter length cuts, a longer one fills with zeros", lengths),
    ("a rename moves, over another file too", renames),
    ("a folder is listed whole", listed),
    ("a removed file is gone", removed),
    ("only an empty folder is removed", folders),
    ("two handles see one file", handles),
    ("a folder is no file and a file no folder", kinds),
    ("what is absent is not found", absent),
    ("nothing above the folder is reached", confined),
];

fn main() -> ExitCode {
    let Some(root) = std::env::args().nth(1) else { return test_guests::usage("fs-ops FOLDER") };
    let root = Path::new(&root);
    for (name, check) in CHECKS {
        match check(root) {
            Ok(true) => println!("ok: {name}"),
            Ok(false) => {
                eprintln!("not so: {name}");
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("{name}: {error} ({:?})", error.kind());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn refused<T>(result: io::Result<T>, kind: ErrorKind) -> bool {
    result.err().is_some_and(|error| error.kind() == kind)
}

/// Errors of WASI that the standard library has no kind for.
const IS_DIRECTORY: i32 = 31;
const NOT_DIRECTORY: i32 = 54;
const NOT_EMPTY: i32 = 55;

fn failed<T>(result: io::Result<T>, code: i32) -> bool {
    result.err().is_some_and(|error| error.raw_os_error() == Some(code))
}

fn new_file(root: &Path) -> io::Result<bool> {
    let path = root.join("new");
    File::create(&path)?;
    let metadata = fs::metadata(&path)?;
    Ok(metadata.is_file() && metadata.len() == 0 && fs::read(&path)?.is_empty())
}

fn exclusive(root: &Path) -> io::Result<bool> {
    let path = root.join("once");
    let mut make = OpenOptions::new();
    make.write(true).create_new(true);
    make.open(&path)?;
    Ok(refused(make.open(&path), ErrorKind::AlreadyExists))
}

fn written(root: &Path) -> io::Result<bool> {
    let path = root.join("bytes");
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    fs::write(&path, &bytes)?;
    Ok(fs::read(&path)? == bytes && fs::metadata(&path)?.len() == 100_000)
}

fn seeks(root: &Path) -> io::Result<bool> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(root.join("seek"))?;
    file.write_all(b"0123456789")?;
    let mut two = [0; 2];
    let at = file.seek(SeekFrom::Start(4))?;
    file.read_exact(&mut two)?;
    let back = file.seek(SeekFrom::End(-3))?;
    file.write_all(b"xy")?;
    let here = file.stream_position()?;
    // past the end is no error; what lies between is zeros
    file.seek(SeekFrom::Start(12))?;
    file.write_all(b"!")?;
    let before = refused(file.seek(SeekFrom::Current(-100)), ErrorKind::InvalidInput);
    let whole = fs::read(root.join("seek"))?;
    Ok((at, back, here, before) == (4, 7, 9, true) && &two == b"45" && whole == b"0123456xy9\0\0!")
}

fn appends(root: &Path) -> io::Result<bool> {
    let path = root.join("append");
    fs::write(&path, "one ")?;
    let mut file = OpenOptions::new().append(true).open(&path)?;
    file.write_all(b"two ")?;
    fs::write(&path, "three ")?;
    file.write_all(b"four")?;
    Ok(fs::read_to_string(&path)? == "three four")
}

fn lengths(root: &Path) -> io::Result<bool> {
    let path = root.join("length");
    fs::write(&path, "abcdef")?;
    let file = OpenOptions::new().write(true).open(&path)?;
    file.set_len(3)?;
    file.set_len(5)?;
    Ok(fs::read(&path)? == b"abc\0\0")
}

fn renames(root: &Path) -> io::Result<bool> {
    let (from, to) = (root.join("from"), root.join("to"));
    fs::write(&from, "new")?;
    fs::write(&to, "old")?;
    fs::rename(&from, &to)?;
    Ok(fs::read_to_string(&to)? == "new" && refused(fs::metadata(&from), ErrorKind::NotFound))
}

fn listed(root: &Path) -> io::Result<bool> {
    let dir = root.join("many");
    fs::create_dir(&dir)?;
    let mut wanted: Vec<String> =
        (0..500).map(|n| format!("a file with a name of some length, {n:04}")).collect();
    for name in &wanted {
        File::create(dir.join(name))?;
    }
    wanted.push("folder".to_owned());
    fs::create_dir(dir.join("folder"))?;
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() != (name == "folder") {
            return Ok(false);
        }
        found.push(name);
    }
    found.sort();
    wanted.sort();
    fs::remove_dir_all(&dir)?;
    Ok(found == wanted && refused(fs::read_dir(&dir), ErrorKind::NotFound))
}

fn removed(root: &Path) -> io::Result<bool> {
    let path = root.join("removed");
    fs::write(&path, "")?;
    fs::remove_file(&path)?;
    Ok(refused(File::open(&path), ErrorKind::NotFound)
        && refused(fs::remove_file(&path), ErrorKind::NotFound))
}

fn folders(root: &Path) -> io::Result<bool> {
    let outer = root.join("outer");
    fs::create_dir_all(outer.join("inner/most"))?;
    let full = failed(fs::remove_dir(&outer), NOT_EMPTY);
    let again = refused(fs::create_dir(&outer), ErrorKind::AlreadyExists);
    fs::remove_dir_all(&outer)?;
    Ok(full && again && !outer.exists())
}

fn handles(root: &Path) -> io::Result<bool> {
    let path = root.join("shared");
    let mut writer = File::create(&path)?;
    let mut reader = File::open(&path)?;
    let mut text = String::new();
    writer.write_all(b"first")?;
    reader.read_to_string(&mut text)?;
    writer.write_all(b" second")?;
    reader.read_to_string(&mut text)?;
    let wrong = reader.write_all(b"x").is_err() && writer.read(&mut [0]).is_err();
    Ok(text == "first second" && wrong)
}

fn kinds(root: &Path) -> io::Result<bool> {
    fs::write(root.join("file"), "")?;
    fs::create_dir(root.join("dir"))?;
    let below = fs::write(root.join("file/below"), "");
    let over = OpenOptions::new().write(true).open(root.join("dir"));
    Ok(failed(below, NOT_DIRECTORY)
        && failed(over, IS_DIRECTORY)
        && fs::remove_dir(root.join("file")).is_err()
        && fs::remove_file(root.join("dir")).is_err()
        && fs::metadata(root.join("dir"))?.is_dir())
}

fn absent(root: &Path) -> io::Result<bool> {
    Ok(refused(File::open(root.join("absent")), ErrorKind::NotFound)
        && refused(fs::write(root.join("absent/file"), ""), ErrorKind::NotFound)
        && refused(fs::rename(root.join("absent"), root.join("other")), ErrorKind::NotFound))
}

fn confined(root: &Path) -> io::Result<bool> {
    let out = ["../above", "sub/../../above", "/etc/passwd"].map(|path| root.join(path));
    Ok(out.iter().all(|path| File::open(path).is_err() && fs::write(path, "").is_err()))
}
