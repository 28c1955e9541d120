package said_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

func TestProseReadsATimeWhoseHourIsSaidElsewhere(t *testing.T) {
	check(t, monday(t), []row{
		{"I noticed it between quarter past and half past eight this morning.", "D 08:15 to 08:30"},
		{"I noticed it between five to and five past nine.", "D 08:55 to 09:05"},
		{"I noticed it between ten and twenty past eight.", "D 08:00 to 08:30 about"},
		{"I noticed it between nine and half past.", "D 09:00 to 09:30"},
		{"Between quarter past and half past I noticed it.", ""},
		{"Sent at 9. At ten past I noticed.", "O 09:00; D 09:10 about"},
		{"It was sent at 9. By quarter past the clerk had spotted it.", "O 09:00; D 09:00 to 09:15 about"},
		{"The back of nine I noticed the safe open.", "D 08:50 to 09:30 about"},
	})
}

func TestProseReadsOtherDressesOfADate(t *testing.T) {
	check(t, monday(t), []row{
		{"First noted on the 20th inst. at 9.15 a.m. by the undersigned.", "D 20Nov 09:15"},
		{"Discovered on 20th ult. at 9.15am.", "D 20Oct 09:15"},
		{"Noticed on 20th at 9.15am.", "D 20Nov 09:15"},
		{"Discovered DTG 230915ZNOV26, padlock cut.", "D 09:15"},
		{"Discovered 230915A NOV 26 by the gate officer.", "D 08:15"},
		{"Just before lunch yesterday, call it 12.25, I realised it was a fake.", "D 22Nov 12:15 to 22Nov 12:35 either_half about"},
	})
}

func TestProseReadsAZoneOfSeveralMeaningsByTheSenders(t *testing.T) {
	a := monday(t)
	check(t, a, []row{{"We observed it at 14:45 IST.", ""}})
	a.Offset = 5*time.Hour + 30*time.Minute
	check(t, a, []row{{"We observed it at 14:45 IST.", "D 09:15 sender_zone"}, {"We observed it at 14:45 CST.", ""}})
}

func TestProseKnowsDetectionByOtherWords(t *testing.T) {
	check(t, monday(t), []row{
		{"Our first sight of it was 08:33.", "D 08:33"},
		{"Our first inkling of the breach was at 9.15.", "D 09:15"},
		{"The first anyone knew of it was 9.15.", "D 09:15"},
		{"It occurred to me at 9.15 that I had left the file.", "D 09:15"},
		{"The penny dropped at 9.15.", "D 09:15"},
		{"It hit me at 9.15 that I had left the file.", "D 09:15"},
		{"I happened upon the papers at 9.15.", "D 09:15"},
		{"We stumbled across the file at 9.15.", "D 09:15"},
		{"I was tipped off at 9.15 that a list was on the web.", "D 09:15"},
		{"This was flagged to us by our manager at 9.15.", "D 09:15"},
		{"Flagged by the cyber team at 9.15 this morning.", "D 09:15"},
		{"Have this minute noticed that the list is wrong.", "D 10:15:10 to sent ago about"},
		{"It was Sunday evening, about twenty past seven, when I opened my bag and realised the file wasn't in it.", "D 22Nov 19:10 to 22Nov 19:30 about"},
		{"Somebody opened the safe at 3.10 and I noticed it this morning.", "O 03:10 either_half; D 00:00 to sent part_of_day"},
	})
}

// A slip is mended where it is one, and a whole word is never taken for one.
func TestProseMendsOnlySlips(t *testing.T) {
	check(t, monday(t), []row{
		{"notcied at 9;15 this mornign", "D 09:15"},
		{"noticd at 9.15", "D 09:15"},
		{"spoted at 9.15 this moring", "D 09:15"},
		{"I disovered it at 9.15", "D 09:15"},
		{"I relised at 9.15", "D 09:15"},
		{"We becmae aware at 9.15", "D 09:15"},
		{"We became awre at 9.15", "D 09:15"},
		{"I disconnected the laptop at 9.20.", "? 09:20"},
		{"I discarded it at 9.20.", "? 09:20"},
		{"The noticeboard was wrong at 9.20.", "? 09:20"},
		{"The lock was altered at 9.20.", "? 09:20"},
	})
	if said.Detects("The noticeboard was disconnected.") {
		t.Error("Detects took a whole word for a slip of another")
	}
}
