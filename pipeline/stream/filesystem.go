package stream

import "fmt"

// A fileSystem is what a directory is on, and whether a store may be there.
type fileSystem struct {
	name string
	// why the store may not be there; empty where it may.
	why string
	// known says that the kind keeps what was synced over a power cut.
	known bool
}

// CheckDir refuses a directory on a file system that is known to lose what was
// synced to it, or to be shared with machines that our lock does not keep out,
// with an [UnsafeDirError]: tmpfs, ramfs, overlay, aufs, NFS, SMB, 9p, FUSE,
// Ceph, AFS, Coda, vboxsf. ext2 to ext4, xfs, btrfs, zfs, f2fs, bcachefs and jfs
// are known to be safe. Any other is taken, with its name in unknown: a new file
// system is no reason to stop, but somebody should look. Only Linux says what a
// directory is on; elsewhere everything is unknown.
func CheckDir(dir string) (unknown string, err error) {
	fs, err := fileSystemOf(dir)
	switch {
	case err != nil:
		return "", fmt.Errorf("look at the file system: %w", err)
	case fs.why != "":
		return "", &UnsafeDirError{Dir: dir, FileSystem: fs.name, Why: fs.why}
	case !fs.known:
		return fs.name, nil
	default:
		return "", nil
	}
}

// An UnsafeDirError reports a directory in which what was acknowledged could
// vanish.
type UnsafeDirError struct {
	Dir        string
	FileSystem string
	Why        string
}

func (e *UnsafeDirError) Error() string {
	return fmt.Sprintf("keep the store in %s: it is on %s, which %s", e.Dir, e.FileSystem, e.Why)
}

// Hint says what to do.
func (e *UnsafeDirError) Hint() string {
	return "put the store on a disk of this machine with ext4 or xfs, in a container on a volume; to try things out only, promptness serve --ephemeral takes any place and may lose everything"
}
