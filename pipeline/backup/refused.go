package backup

import "fmt"

// A Refusal is the name of a reason not to work with a backup or a place.
type Refusal string

// The reasons.
const (
	RefuseIncomplete Refusal = "backup_incomplete"    // there is no manifest, or a file is missing
	RefuseManifest   Refusal = "backup_manifest_bad"  // the manifest is not what was written
	RefuseVersion    Refusal = "backup_version"       // the format is one of another release
	RefuseTenant     Refusal = "backup_other_tenant"  // it is another tenant's
	RefusePepper     Refusal = "backup_other_pepper"  // its record was made under another pepper
	RefuseFile       Refusal = "backup_file_bad"      // a file is not what was written
	RefuseRecord     Refusal = "backup_record_bad"    // the record or a signal in it does not verify
	RefuseDiffers    Refusal = "backup_differs"       // what was restored is not what was copied
	RefuseNotEmpty   Refusal = "store_not_empty"      // there is a store already where one is to be restored
	RefuseCheckpoint Refusal = "checkpoint_there"     // there is a checkpoint already where one is to be restored
	RefuseOccupied   Refusal = "backup_dir_not_empty" // the directory of a new backup holds something
	RefuseSpace      Refusal = "no_space"             // there is too little space on the disk
)

// Refusals lists every refusal.
func Refusals() []Refusal {
	return []Refusal{
		RefuseIncomplete, RefuseManifest, RefuseVersion, RefuseTenant, RefusePepper, RefuseFile, RefuseRecord,
		RefuseDiffers, RefuseNotEmpty, RefuseCheckpoint, RefuseOccupied, RefuseSpace,
	}
}

// A RefusedError says why a backup is not made, or not restored.
type RefusedError struct {
	Name Refusal
	Path string // the file or directory concerned
	What string
	Err  error // the cause, if any
}

// Error names the reason, the place and what is wrong there.
func (e *RefusedError) Error() string {
	s := "check backup: " + string(e.Name) + ": " + e.Path
	if e.What != "" {
		s += ": " + e.What
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Hint says what an operator should do.
func (e *RefusedError) Hint() string {
	switch e.Name {
	case RefuseIncomplete:
		return "a backup that was interrupted, or a directory that is none: use another backup, and remove this one"
	case RefuseManifest, RefuseFile:
		return "the backup was damaged where it was kept, or on its way: use another copy of it, or an older backup"
	case RefuseVersion:
		return "restore it with the release that made it, then start this one on the restored store"
	case RefuseTenant:
		return "name the configuration of that tenant with --config, or use the backup of this one"
	case RefusePepper:
		return "put back the pepper file that belonged to the store when it was copied; the backup holds no pepper"
	case RefuseRecord, RefuseDiffers:
		return "nothing of it was put in place; use an older backup, and keep this one: the line says what is wrong in it"
	case RefuseNotEmpty:
		return "restore into an empty data_dir; to replace a store, move the old one away first and keep it"
	case RefuseCheckpoint:
		return "it belongs to the store that was here and says how far that reached: move it away, and keep it"
	case RefuseOccupied:
		return "name a directory that is empty or not there; what an interrupted backup left can be removed"
	case RefuseSpace:
		return "free disk space, or name a directory on another disk"
	default:
		return fmt.Sprint(e.Name)
	}
}
