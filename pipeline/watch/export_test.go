package watch

import "time"

// Hurry makes w look every so often, for tests over real servers.
func (w *Watch) Hurry(monitor, look, again time.Duration) {
	w.r = rhythm{monitor: monitor, look: look, delay: monitor, again: again}
}

// Judge is one look at the copies.
func Judge(mark Mark, copies []Copy, erased func(uint64) bool) ([]Fault, bool) {
	found, whole := judge(mark, copies, erased)
	all := make([]Fault, len(found))
	for i := range found {
		all[i] = found[i].Fault
	}
	return all, whole
}
