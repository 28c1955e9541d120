package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// files is the file system as this package changes it: every change that must
// outlive a power cut goes through one of its steps, so that a test can end the
// program before and after each.
type files struct {
	// step is told of each change, before it is made and after. An error ends
	// the work there, as a crash would. Nil in the program.
	step func(op, path string, done bool) error
}

func (f files) do(op, path string, work func() error) error {
	if f.step == nil {
		return work()
	}
	if err := f.step(op, path, false); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return f.step(op, path, true)
}

// create makes a file that nobody else may read, and that was not there.
func (f files) create(path string) (file *os.File, err error) {
	err = f.do("create", path, func() error {
		file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		return err
	})
	return file, err
}

// finish syncs and closes a file.
func (f files) finish(file *os.File) error {
	return errors.Join(f.do("sync", file.Name(), file.Sync), file.Close())
}

// sync syncs what stands at path, a file or a directory.
func (f files) sync(path string) error {
	return f.do("sync", path, func() error {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
}

func (f files) rename(from, to string) error {
	return f.do("rename", to, func() error { return os.Rename(from, to) })
}

func (f files) remove(path string) error {
	return f.do("remove", path, func() error { return os.RemoveAll(path) })
}

// write puts data at path whole or not at all: a crash leaves what was there,
// or this.
func (f files) write(path string, data []byte) (err error) {
	tmp := path + ".new"
	if err := f.remove(tmp); err != nil {
		return err
	}
	file, err := f.create(tmp)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, f.finish(file)); err != nil {
		return err
	}
	if err := f.rename(tmp, path); err != nil {
		return err
	}
	return f.sync(filepath.Dir(path))
}

// syncTree syncs every file beneath dir, then every directory from the deepest
// up: a directory that is durable has no entry whose content is not.
func (f files) syncTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			dirs = append(dirs, path)
			return nil
		default:
			return f.sync(path)
		}
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) { // WalkDir comes to a directory before what is in it
		if err := f.sync(d); err != nil {
			return err
		}
	}
	return nil
}
