package stream

import (
	"fmt"
	"os"
	"syscall"
)

// Why a store may not be on a kind of file system.
const (
	inMemory  = "is memory and is gone after a restart"
	container = "belongs to a container and is gone with it"
	network   = "is a network file system, where neither locks nor syncs can be trusted"
	foreign   = "is another program's, which may answer before it stores"
)

// fileSystemOf asks what dir is on. The numbers are those of statfs(2) and the
// kernel's include/uapi/linux/magic.h.
func fileSystemOf(dir string) (fileSystem, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return fileSystem{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return kindOf(uint32(st.Type)), nil //nolint:gosec // a magic number has 32 bits, its sign is an accident
}

func kindOf(magic uint32) fileSystem {
	good := func(name string) fileSystem { return fileSystem{name: name, known: true} }
	bad := func(name, why string) fileSystem { return fileSystem{name: name, why: why, known: true} }
	switch magic {
	case 0xEF53:
		return good("ext2, ext3 or ext4")
	case 0x58465342:
		return good("xfs")
	case 0x9123683E:
		return good("btrfs")
	case 0x2FC12FC1:
		return good("zfs")
	case 0xF2F52010:
		return good("f2fs")
	case 0xCA451A4E:
		return good("bcachefs")
	case 0x3153464A:
		return good("jfs")
	case 0x01021994:
		return bad("tmpfs", inMemory)
	case 0x858458F6:
		return bad("ramfs", inMemory)
	case 0x794C7630:
		return bad("overlay", container)
	case 0x61756673:
		return bad("aufs", container)
	case 0x6969:
		return bad("nfs", network)
	case 0x517B, 0xFE534D42, 0xFF534D42:
		return bad("smb", network)
	case 0x00C36400:
		return bad("ceph", network)
	case 0x5346414F, 0x6B414653:
		return bad("afs", network)
	case 0x73757245:
		return bad("coda", network)
	case 0x01021997:
		return bad("9p", foreign)
	case 0x786F4256:
		return bad("vboxsf", foreign)
	case 0x65735546:
		return bad("fuse", foreign)
	default:
		return fileSystem{name: fmt.Sprintf("file system 0x%x", magic)}
	}
}
