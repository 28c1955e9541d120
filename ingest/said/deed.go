package said

// A deed is what a verb, or a noun made of one, tells. What it comes to in a
// sentence is decided there (events.go): "was told" detects, "told the desk"
// reports.
type deed uint8

const (
	nothing  deed = iota
	detects       // noticed
	finds         // found, saw: detects, unless what was found is no incident
	happens       // sent, stolen
	informs       // told, called: detects or reports by who was told
	reports       // reported, raised: the same, and reports where nobody is named
	arrives       // came in: what one notices "when I came in" is noticed then
	receives      // received, got: by what was received
	leaves        // left: behind, or the office
	alerts        // an alert, and its going off
	goes          // went: by what follows it
	other         // something else was done at that time
)

// verbs lists what is known. A verb that is not listed decides nothing.
func verbs(does func(d deed, list string)) {
	does(detects, "emerged transpired realises realizes spots discovers detects identifies noticed noticing notice notices spotted spotting spot discovered discovering discover discovery discoveries detected detecting detect detection "+
		"realised realising realise realized realizing realize aware unearthed uncovered unnoticed undetected undiscovered "+
		"evidence sight sighted sighting inkling indication sussed rumbled realisation realization flagged identified identifying identify identification observed observing suspected knew known witnessed dawned twigged clocked spied")
	does(finds, "found finding find finds saw see seen seeing sees picked caught recognised recognized learned learnt heard understood became become "+
		"stumbled chanced tipped noted come pointed brought drawn remembered let established determined confirmed came located diagnosed")
	does(happens, "hit clicks happened happening happen happens occurred occurring occur occurs sent sending stolen stole theft thefts lost losing loss clicked clicking "+
		"opened shared sharing emailed-out disclosed disclosing published uploaded downloaded forwarded attached accessed misplaced mislaid dropped "+
		"posted leaked exposed compromised hacked attacked infected breached breach broke broken forgot forgotten misdirected misaddressed "+
		"taken snatched robbed burgled tampered crashed deleted printed handed disposed plugged inserted overheard released transferred "+
		"incident event occurrence mugged pickpocketed started began begun infiltrated phished scammed tailgated uninstalled installed failed dispatched faxed "+
		"committed emailed-it replied disappeared vanished smashed forced encrypted mis-sent missent copied bcc'd cc'd intercepted wiped collided")
	does(informs, "rung told tell telling informed inform informing notified notify notifying advised advise advising called call calling calls phoned phone phoning rang ring ringing emailed email emailing mailed "+
		"contacted contact contacting messaged message texted alerted alerting warned warning escalated escalate escalating spoke spoken speaking forwarded-it wrote writing approached")
	does(reports, "reported report reporting reports raised raise raising logged submitted submit submitting lodged")
	does(arrives, "arrived arriving arrive arrival returned returning back opening unlocking unlocked reached")
	does(receives, "received receiving receive receipt got get getting gets gotten")
	does(leaves, "left leave leaving")
	does(alerts, "alert alerts alarm alarms fired triggered tripped sounded")
	does(goes, "went gone going go took")
	does(other, "met meeting meetings meet finished finishing finish locked locking spoke-with met-with last visited visit visits appointment "+
		"interview hearing court shift break train training flight travelled drove driving walked walking recovered recovery collected collect "+
		"delivered delivery ordered signed wiped-it blocked blocking reset resetting changed changing disabled isolated quarantined cancelled revoked removed recalled recalling "+
		"checked checking check logged-on login started-work asked ask replied-to responded answered apologised attended attending arranged confirmed-to closed close closing "+
		"searched searching counted looked used using worked working updated contained resolved fixed restored patched shut switched turned retrieved retracted issued booked scheduled backup maintenance stopped ended")
}
