package said

import (
	"strings"
	"sync"
	"time"
)

// A lexeme is what a word can be. A word may be several things: "second" is a
// number and a unit, "may" a month and a doubt.
type lexeme struct {
	is      classes
	n       int8          // the number, month or weekday (Sunday is 0)
	unit    time.Duration // the length of a unit of time
	part    part
	does    deed // what a verb, or a noun made of one, tells
	present bool // the verb is not in the past: "notice", "call"
}

type classes uint32

const (
	numberWord   classes = 1 << iota // one to fifty-nine, in parts
	monthName                        // of any length
	weekdayName                      // of any length
	unitName                         // minute, hour …
	partName                         // morning, lunchtime …
	title                            // Mr: a full stop after it ends nothing
	abbreviation                     // approx: neither, unless a capital follows
	roughly                          // about, around …
	negative                         // not, never, nobody …
	joins                            // begins a clause: and, but, when …
	subject                          // I, we, he …
	auxiliary                        // did, have, was …: begins a question
	asks                             // what, when …: begins a question
	ahead                            // will, tomorrow …: of the future
	supposes                         // if, whether …
	afterHour                        // may follow a bare hour ("at 9 the guard …")
	measures                         // a unit or thing that is counted: no time before it
	numbers                          // introduces a number that is no time: room, version …
	street                           // part of an address
	harm                             // what makes a find an incident: stolen, phishing …
)

// lexicon is built once and never changed.
var lexicon = sync.OnceValue(func() map[string]lexeme { //nolint:gochecknoglobals // a constant that Go cannot write as such
	words := make(map[string]lexeme, 1200)
	add := func(list string, f func(i int, l *lexeme)) {
		for i, w := range strings.Fields(list) {
			l := words[w]
			f(i, &l)
			words[w] = l
		}
	}
	class := func(c classes, list string) { add(list, func(_ int, l *lexeme) { l.is |= c }) }
	does := func(d deed, list string) { add(list, func(_ int, l *lexeme) { l.does = d }) }

	add("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty", func(i int, l *lexeme) {
		l.is |= numberWord
		l.n = int8(i)
	})
	add("thirty forty fifty", func(i int, l *lexeme) {
		l.is |= numberWord
		l.n = int8(30 + 10*i)
	})
	for i, list := range []string{"jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august", "sep sept september", "oct october", "nov november", "dec december"} {
		add(list, func(_ int, l *lexeme) {
			l.is |= monthName
			l.n = int8(i + 1)
		})
	}
	for i, list := range []string{"sun sunday sundays", "mon monday mondays", "tue tues tuesday tuesdays", "wed weds wednesday wednesdays", "thu thur thurs thursday thursdays", "fri friday fridays", "sat saturday saturdays"} {
		add(list, func(_ int, l *lexeme) {
			l.is |= weekdayName
			l.n = int8(i)
		})
	}
	for _, u := range []struct {
		d    time.Duration
		list string
	}{
		{time.Second, "second seconds sec secs"}, {time.Minute, "minute minutes min mins"}, {time.Hour, "hour hours hr hrs"},
		{24 * time.Hour, "day days"}, {7 * 24 * time.Hour, "week weeks"}, {14 * 24 * time.Hour, "fortnight"},
		{30 * 24 * time.Hour, "month months"}, {365 * 24 * time.Hour, "year years"},
	} {
		add(u.list, func(_ int, l *lexeme) {
			l.is |= unitName
			l.unit = u.d
		})
	}
	for _, p := range []struct {
		p    part
		list string
	}{
		{morning, "morning morn mornings"}, {afternoon, "afternoon aft"}, {evening, "evening eve"}, {night, "night nights nighttime"},
		{lunchtime, "lunchtime lunch dinnertime"}, {overnight, "overnight"}, {closeOfPlay, "cop cob eod teatime"},
		{midMorning, "midmorning"}, {midAfternoon, "midafternoon"},
	} {
		add(p.list, func(_ int, l *lexeme) {
			l.is |= partName
			l.part = p.p
		})
	}
	class(title, "mr mrs ms miss mx dr prof sgt insp supt rev hon sir cust pc po so")
	class(abbreviation, "inst ult approx ca circa c e.g eg i.e ie vs hrs hr min mins est govt gov dept ref tel ext no nos am pm approx")
	class(roughly, "abt aprox aprx appox about around approximately approx roughly circa ca c say nearly almost maybe probably possibly perhaps sometime somewhere estimated est near towards")
	class(negative, "not never nobody nothing none neither nor without failed fails unable cannot can't couldn't didn't doesn't don't hasn't haven't hadn't wasn't weren't isn't aren't won't wouldn't shouldn't no-one no unaware")
	class(joins, "and but when while whilst which who whom whose that because so then where whereas although though until unless if whether before after once since as or however therefore")
	class(subject, "i we he she they it you someone somebody this there one nobody everyone staff colleagues i'd i've we'd we've he'd she'd they'd it'd i'm we're")
	class(auxiliary, "did do does have has had is are was were can could would will should may might am any")
	class(asks, "what when who why where how which whose")
	class(ahead, "will shall 'll i'll we'll you'll he'll she'll they'll it'll that'll tomorrow tmrw tomorrow's planned scheduled upcoming due going booked please kindly let's deadline appointment available availability reopen reopens expires expire expected")
	class(supposes, "if whether unless should")
	class(afterHour, "and but when while whilst as i we he she they it that this the my our a an in on by from until till til who which where if because so or then just today yesterday last with for at after before someone somebody his her their there was were is had has did sharp exactly approx approximately approx. about using via having during through to one staff mr mrs ms dr pc tonight following i'd i've we'd we've uk local london gmt bst utc yest each it's nobody no onwards whereupon prior only today's all both suddenly immediately")
	class(measures, "gb mb kb tb kg g km m miles mile metres meters million billion thousand hundred k pounds quid gbp euros dollars pence percent per people users staff files records emails mails letters laptops phones times pages page litres degrees stone feet inches points calls tickets cases prisoners devices documents days weeks months years minutes mins hours hrs hours' seconds secs of items boxes bags sheets copies clients cases others more units attempts accounts machines servers rows lines entries")
	class(numbers, "version v ver release build windows ios android python java section sections para paragraph clause rule rules page pages figure fig table appendix chapter room rooms rm floor level flat unit wing house number no nos ref reference ticket case id ext extension tel phone mobile port line step item question q grade band tier scale size building gate platform bus route channel suite annex annexe box cell landing court courtroom bay desk locker kb article reg act form schedule part stage option policy £")
	class(street, "street st road rd avenue ave lane drive close court square gardens terrace way crescent place row hill park downing petty buildings house")
	class(harm, "stolen theft missing lost loss gone phishing phish scam spam malware virus ransomware breach breached wrong incorrect incorrectly mistake error suspicious suspected unauthorised unauthorized unlocked unattended leaked leak exposed disclosed disclosure personal sensitive confidential data compromised hacked hack attack fraud fraudulent tampered misdirected unusual strange odd weird infected encrypted password passwords credentials vulnerability intruder break-in broken insecure unsecured laptop phone device files file records memory usb stick drive document documents papers paperwork open link attachment recipient address addresses security incident bag")

	verbs(does)
	add("notice notices realises realizes spots discovers detects identifies clicks spot discover find finds realise realize detect identify see sees flag call email ring phone report contact inform notify tell alert click open happen happens occur occurs send sends lose steal leave arrive meet", func(_ int, l *lexeme) { l.present = true })
	return words
})
