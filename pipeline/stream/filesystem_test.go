package stream_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/internal/smalldisk"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestAStoreInMemoryIsRefusedByNameUnlessItMayBeLost(t *testing.T) {
	smalldisk.Run(t, 64<<20, func(t *testing.T, d *smalldisk.Disk) {
		cfg := small(filepath.Join(d.Dir, "store"))
		cfg.Ephemeral = false
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		_, err := stream.Start(t.Context(), cfg, log)
		if !isA[*stream.UnsafeDirError](err) || !strings.Contains(err.Error(), "on tmpfs, which is memory") {
			t.Errorf("Start on a tmpfs = %v, want an UnsafeDirError that names it", err)
		}
		if left := files(t, cfg.Dir); len(left) > 0 {
			t.Errorf("a refused Start left %q", left)
		}
		cfg.Ephemeral = true
		srv, err := stream.Start(t.Context(), cfg, log)
		if err != nil {
			t.Fatalf("Start on a tmpfs that may be lost = %v", err)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The numbers are the kernel's; a wrong one would refuse a good disk, or take a
// bad one.
func TestFileSystemsByTheirNumbers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		magic uint32
		why   string // part of it; "" for a place that is good
		known bool
	}{
		{"ext2, ext3 or ext4", 0xEF53, "", true},
		{"xfs", 0x58465342, "", true},
		{"btrfs", 0x9123683E, "", true},
		{"zfs", 0x2FC12FC1, "", true},
		{"tmpfs", 0x01021994, "memory", true},
		{"ramfs", 0x858458F6, "memory", true},
		{"overlay", 0x794C7630, "container", true},
		{"nfs", 0x6969, "network", true},
		{"smb", 0xFF534D42, "network", true},
		{"smb", 0xFE534D42, "network", true},
		{"9p", 0x01021997, "another program", true},
		{"fuse", 0x65735546, "another program", true},
		{"file system 0x4d44", 0x4d44, "", false},
	} {
		name, why, known := stream.KindOf(tt.magic)
		if name != tt.name || known != tt.known || !strings.Contains(why, tt.why) || tt.why == "" && why != "" {
			t.Errorf("file system %#x = %q, %q, known %v, want %q, %q, %v", tt.magic, name, why, known, tt.name, tt.why, tt.known)
		}
	}
}

func TestADirectoryThatIsNotThereHasNoFileSystem(t *testing.T) {
	if _, err := stream.CheckDir(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("CheckDir of a directory that is not there = %v", err)
	}
}
