package smalldisk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ministryofjustice/incident-promptness/internal/smalldisk"
)

func TestADiskIsFullAndHasRoomAgain(t *testing.T) {
	smalldisk.Run(t, 2<<20, func(t *testing.T, d *smalldisk.Disk) {
		write := func(n int) error {
			return os.WriteFile(filepath.Join(d.Dir, "file"), make([]byte, n), 0o600)
		}
		if err := write(1 << 20); err != nil {
			t.Errorf("write 1 MiB of 2 = %v", err)
		}
		d.Fill(64 << 10)
		if free := d.Free(); free > 64<<10 || free < 32<<10 {
			t.Errorf("%d bytes are free, want about 64 KiB", free)
		}
		d.Fill(0)
		if err := write(2 << 20); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("write on a full disk = %v, want %v", err, syscall.ENOSPC)
		}
		d.Empty()
		if err := write(1 << 20); err != nil {
			t.Errorf("write after there was room again = %v", err)
		}
	})
}
