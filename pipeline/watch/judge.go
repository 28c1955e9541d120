package watch

import (
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Copy is what one copy of a stream says of itself.
type Copy struct {
	Stream string
	// Record: a copy of LEDGER, not of SIGNALS.
	Record bool
	// Replica is the server that keeps it, empty where there is one copy only.
	Replica string
	// Leader: this copy answers for the stream, and was asked first.
	Leader bool
	// First, Last and Count are the first and last sequence and how many
	// messages there are; all 0 for an empty copy.
	First, Last, Count uint64
	// Deleted are the sequences from First to Last that the leader knows to be
	// gone, as far as it names them.
	Deleted []uint64
	// Current: the leader has sent it all that it has.
	Current bool
	// Err says why it could not be asked.
	Err error
}

// A Mark is what of the record is certain: the checkpoint, the position in
// SIGNALS that its entry covers, and the last message there that was
// acknowledged as stored, as far as this process knows.
type Mark struct {
	Entry, Message uint64
	Covered        incident.Pos
	Stored         uint64
}

// The reasons that a monitor can find.
const (
	beginningLost = string(incident.RefusedFirst)
	messagesLost  = string(incident.RefusedDeleted)
	endLost       = string(incident.RefusedAhead)
	signalLost    = string(incident.RefusedUnread)
	signalsEnd    = string(incident.RefusedVault)
)

// A finding is what one look says against one copy. Short: it holds less than
// others do, which may only be late.
type finding struct {
	Fault
	short bool
	last  uint64 // of the copy
}

// judge looks at the copies of both streams. It returns what speaks against one
// of them, and whether every copy could be judged. mark was read before the
// copies were asked. erased reports whether a message of SIGNALS is gone on
// purpose.
func judge(mark Mark, copies []Copy, erased func(uint64) bool) (found []finding, whole bool) {
	whole = true
	leads := map[string]*Copy{}
	for i := range copies {
		if c := &copies[i]; c.Leader {
			leads[c.Stream] = c
		}
	}
	for i := range copies {
		c := &copies[i]
		lead := leads[c.Stream]
		if c.Err != nil || lead == nil || lead.Err != nil {
			whole = false
			continue
		}
		if c.Last < lead.Last && !c.Current {
			whole = false // it is being filled: what it holds so far says nothing
			continue
		}
		var f *finding
		if c.Record {
			f = judgeRecord(mark, c, lead)
		} else {
			f = judgeSignals(mark, c, lead, erased)
		}
		if f != nil {
			f.Stream, f.Replica, f.last = c.Stream, c.Replica, c.Last
			found = append(found, *f)
		}
	}
	return found, whole
}

func judgeRecord(mark Mark, c, lead *Copy) *finding {
	want := max(mark.Message, lead.Last)
	switch {
	case c.Last > 0 && c.First != 1:
		return &finding{Fault: Fault{Refusal: beginningLost, Message: 1, StoringSafe: true,
			What: fmt.Sprintf("the record begins with message %d", c.First)}}
	case c.Last > 0 && (c.Count < c.Last || len(c.Deleted) > 0):
		f := finding{Fault: Fault{Refusal: messagesLost, StoringSafe: true,
			What: fmt.Sprintf("%d of %d messages are gone", max(c.Last-min(c.Count, c.Last), uint64(len(c.Deleted))), c.Last)}}
		if len(c.Deleted) > 0 {
			f.Message = c.Deleted[0]
		}
		return &f
	case c.Last < want && c.Last < mark.Message:
		return &finding{short: !c.Leader, Fault: Fault{Refusal: endLost, Message: c.Last + 1, StoringSafe: true,
			What: fmt.Sprintf("it ends at message %d, and the checkpoint names entry %d in message %d", c.Last, mark.Entry, mark.Message)}}
	case c.Last < want:
		return &finding{short: true, Fault: Fault{Refusal: endLost, Message: c.Last + 1, StoringSafe: true,
			What: fmt.Sprintf("it ends at message %d, the leader's copy at %d", c.Last, lead.Last)}}
	default:
		return nil
	}
}

func judgeSignals(mark Mark, c, lead *Copy, erased func(uint64) bool) *finding {
	switch {
	case c.Last < mark.Covered.Seq:
		return &finding{short: !c.Leader, Fault: Fault{Refusal: signalsEnd, Signal: mark.Covered,
			What: fmt.Sprintf("it ends at message %d, and the record covers more", c.Last)}}
	case c.Last < mark.Stored:
		return &finding{short: !c.Leader, Fault: Fault{Refusal: signalsEnd, Signal: incident.Pos{Seq: c.Last + 1},
			What: fmt.Sprintf("it ends at message %d, and message %d was acknowledged", c.Last, mark.Stored)}}
	case c.Last < lead.Last:
		return &finding{short: true, Fault: Fault{Refusal: signalsEnd, Signal: incident.Pos{Seq: c.Last + 1},
			What: fmt.Sprintf("it ends at message %d, the leader's copy at %d", c.Last, lead.Last)}}
	case c.Last == 0:
		return nil
	}
	// What the leader knows to be gone must have been erased on purpose. What
	// else is missing, in any copy, nobody erased.
	gone := uint64(0)
	for seq := uint64(1); seq < lead.First && seq <= c.Last; seq++ {
		if !erased(seq) {
			return lostSignal(seq)
		}
		gone++
	}
	for _, seq := range lead.Deleted {
		if !erased(seq) {
			return lostSignal(seq)
		}
		if seq <= c.Last {
			gone++
		}
	}
	if missing := c.Last - min(c.Count, c.Last); missing > gone {
		f := lostSignal(0)
		f.What = fmt.Sprintf("%d of %d messages are gone, and %d were erased", missing, c.Last, gone)
		return f
	}
	return nil
}

func lostSignal(seq uint64) *finding {
	return &finding{Fault: Fault{Refusal: signalLost, Signal: incident.Pos{Seq: seq}, StoringSafe: true,
		What: "its message is gone, and no note says that it was erased"}}
}
