package watch

// Judge is one look at the copies.
func Judge(mark Mark, copies []Copy, erased func(uint64) bool) ([]Fault, bool) {
	found, whole := judge(mark, copies, erased)
	all := make([]Fault, len(found))
	for i := range found {
		all[i] = found[i].Fault
	}
	return all, whole
}
