package email

import (
	"encoding/json"
	"time"
)

// UIDs is a set of UIDs.
type UIDs = uids

// What an external test does with sets.
func NewUIDs(list ...uint32) UIDs   { return uidsOf(list) }
func (s uids) With(o UIDs) UIDs     { return s.with(o) }
func (s uids) Without(o UIDs) UIDs  { return s.without(o) }
func (s uids) Both(o UIDs) UIDs     { return s.both(o) }
func (s uids) UpTo(uid uint32) UIDs { return s.upTo(uid) }
func (s uids) Has(uid uint32) bool  { return s.has(uid) }
func (s uids) Count() uint64        { return s.count() }
func (s uids) List() (list []uint32) {
	for u := range s.all() {
		list = append(list, u)
	}
	return list
}

// A Reckoning is the account of one mailbox, with the UID up to which it was read.
type Reckoning struct {
	r    reckoning
	Mark uint32
}

// What an external test does with it.
func (k *Reckoning) Saw(s UIDs)                { k.r.saw(s); k.r.Looked = time.Unix(1, 0) }
func (k *Reckoning) Became(s UIDs, o int)      { k.r.became(s, outcome(o)) }
func (k *Reckoning) Look(present, recent UIDs) { k.r.look(present, recent) }
func (k *Reckoning) Compact(recent UIDs)       { k.r.compact(recent) }
func (k *Reckoning) Crowded() bool             { return k.r.crowded() }
func (k *Reckoning) Renumbered()               { k.r = k.r.renumbered() }
func (k *Reckoning) Balanced() bool            { return k.r.balanced() }
func (k *Reckoning) Account() Account          { return position{LastUID: k.Mark, Account: &k.r}.account() }

// Again returns k as it is loaded after it was saved.
func (k *Reckoning) Again() (*Reckoning, int, error) {
	b, err := json.Marshal(k.r)
	if err != nil {
		return nil, 0, err
	}
	out := &Reckoning{Mark: k.Mark}
	return out, len(b), json.Unmarshal(b, &out.r)
}

// LookEvery is how often a mailbox is held against its account.
const LookEvery = lookEvery

// SetLookEvery makes b hold its mailbox against the account more often.
func SetLookEvery(b *Box, d time.Duration) { b.every = d }

// Apology is apology.
func Apology(raw []byte) bool { return apology(raw) }
