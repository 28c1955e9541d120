package email

import "time"

// An Account shows what became of every mail of a mailbox.
type Account struct {
	UIDValidity uint32 `json:"uidvalidity"`
	// LastUID is the number up to which the mailbox was read.
	LastUID uint32 `json:"last_uid"`
	// Mails counts under all numbers there ever were; a mail that got another
	// number is counted again, as known.
	Mails Mails `json:"mails"`
	// Numberings is how often the server gave all mails other numbers.
	Numberings int `json:"numberings"`
	// Ranges are UIDs of the present numbers by outcome, as IMAP writes them; of
	// those at and below Floor only the last days'. At most 1 KiB each, cut at a
	// comma.
	Ranges map[string]string `json:"ranges,omitempty"`
	Floor  uint32            `json:"floor,omitempty"`
	// Waiting are seen and about to be read. Missing are at or below LastUID and
	// neither read nor gone: each is asked for again at every look.
	Waiting     uint64 `json:"waiting"`
	Missing     uint64 `json:"missing"`
	MissingUIDs string `json:"missing_uids,omitempty"`
	// Looked is when all that is in the mailbox was last held against this
	// (UTC); zero before the first time. Latest is when the latest mail came.
	Looked time.Time `json:"looked,omitzero"`
	Latest time.Time `json:"latest,omitzero"`
}

// Mails are numbers of mails. Seen is the sum of all others, of those that wait
// to be read, and of those that are missing. The vault may take a mail a second
// time after a crash, or once its memory of ten minutes is over: that one counts
// as stored here, and the record knows it for a repeat.
type Mails struct {
	Seen        uint64 `json:"seen"`         // that the server ever listed
	Stored      uint64 `json:"stored"`       // taken by the vault
	Known       uint64 `json:"known"`        // that the vault knew at once
	Unreadable  uint64 `json:"unreadable"`   // not given out by the server, and noted
	Refused     uint64 `json:"refused"`      // refused by the vault for good: erased
	BeforeStart uint64 `json:"before_start"` // older than where reading begins
	Gone        uint64 `json:"gone"`         // left the mailbox before they were read
}

func (m Mails) plus(o Mails) Mails {
	return Mails{
		m.Seen + o.Seen, m.Stored + o.Stored, m.Known + o.Known, m.Unreadable + o.Unreadable,
		m.Refused + o.Refused, m.BeforeStart + o.BeforeStart, m.Gone + o.Gone,
	}
}

// Outcomes lists what may become of a mail, with what the server lists first.
func Outcomes() []string {
	return []string{"seen", "stored", "known", "unreadable", "refused", "before_start", "gone"}
}

// By returns the numbers in the order of [Outcomes].
func (m Mails) By() []uint64 {
	return []uint64{m.Seen, m.Stored, m.Known, m.Unreadable, m.Refused, m.BeforeStart, m.Gone}
}

// account returns p's account for people.
func (p position) account() Account {
	a := p.Account
	if a == nil {
		a = &reckoning{}
	}
	missing, unsettled := a.missing(p.LastUID), a.unsettled()
	out := Account{
		UIDValidity: p.UIDValidity, LastUID: p.LastUID, Mails: a.Earlier.plus(a.mails()), Numberings: a.Numberings,
		Ranges: map[string]string{}, Floor: a.Floor, Missing: missing.count(), MissingUIDs: short(missing),
		Waiting: unsettled.count() - missing.count(), Looked: a.Looked, Latest: a.Latest,
	}
	for i, t := range append([]*tally{&a.Seen}, a.sets()...) {
		if s := short(t.UIDs); s != "" {
			out.Ranges[Outcomes()[i]] = s
		}
	}
	return out
}

// maxRanges bounds what is shown of a set.
const maxRanges = 1 << 10

// short returns s as text, cut where it is long.
func short(s uids) string {
	text := s[:min(len(s), maxRanges)].String()
	if len(text) <= maxRanges && len(s) <= maxRanges {
		return text
	}
	text = text[:min(len(text), maxRanges)]
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ',' {
			return text[:i+1] + "…"
		}
	}
	return "…"
}
