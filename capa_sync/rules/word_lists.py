"""The word lists of the text checks, in English; docs/text-checks.md says how they are tuned and measured.

An entry of one word stands for every word with the same `stem`; an entry of several words for these in a row, and
one that begins with `=` for this word alone.
No file of a site changes them, because they are measured as a whole.
"""

from __future__ import annotations

STOP_WORDS = """
a an the this that these those it its he him his she her hers they them their we us our ours you your i me my
and or but nor so as if then than because since although though while when where which who whom whose what why how
of in on at by to for from with without within into onto over under after before during until between through per via
against despite spite prior up down out off about upon among along across around
is are was were be been being am do does did done doing have has had having will would shall should can could may
might must cannot not no none never nobody nothing neither yes
there here also only still yet already just even both each any all some such same other another more most less few
too very quite rather own again once ever always therefore thus hence however
don't isn't aren't wasn't weren't doesn't didn't haven't hasn't hadn't won't wouldn't shouldn't couldn't can't
it's we're we've we'll we'd I'm
got get gets took take taken went go goes gone found made make makes
"""
"""Words without a subject of their own; they do not count when texts are compared."""

ANNOUNCEMENTS = """
will follow|to follow|follows later|will be added|will be updated|will be completed|will be provided|will be supplied
will be filled|will be analysed|will be analyzed|will be investigated|will be determined|will be discussed
to be added|to be completed|to be analysed|to be analyzed|to be investigated|to be determined|to be discussed
to be clarified|needs to be analysed|needs to be investigated|still under|still ongoing|still pending
under investigation|under analysis|under evaluation|analysis is ongoing|investigation is ongoing|rca is ongoing
analysis is pending|rca is pending|analysis in progress|investigation in progress|rca in progress
not yet known|not yet clear|not yet found|not yet determined|not yet identified|not yet available|not known yet
not known at|not clear yet|not determined yet|no root cause found yet|cause is unknown|cause is not known
cause is unclear|waiting for|awaiting|tbd|tbc|tba
see attached|see attachment|see the attached|see 8d|see report|see the report|see capa|see investigation|refer to
please refer|please see|as per attached
"""
"""Expressions of a short text that announces an answer or names another place, instead of giving one."""

FAILINGS = """
forgot|forgotten|forget|forgetful|forgetfulness|careless|carelessness|carelessly|negligence|negligent|neglected
inattentive|inattention|unattentive|absentminded|distracted|sloppy|sloppiness|lazy|laziness|incompetent|incompetence
unaware|inexperienced|inexperience|untrained|unskilled|unqualified|unconcentrated|unmotivated|undisciplined
overlooked|overlook|oversight|misjudged|misunderstood|misread|miscounted|mistyped|mistake|mistakenly|misconduct
disregarded|disregard|disobeyed|neglect|blunder|typo
human error|human errors|human mistake|human failure|human factor|human fault|operator error|user error|personal error
personnel error|personal mistake|developer error|employee error|handling error|by mistake|by accident
lack of awareness|lack of attention|lack of knowledge|lack of experience|lack of discipline|lack of care
lack of concentration|lack of diligence|lack of understanding|lack of skill|lack of skills|lack of motivation
lack of training|lack of competence|lack of security awareness|insufficient awareness|insufficient attention
insufficient knowledge|insufficient care|insufficient training|low awareness|poor awareness|missing awareness
not aware|not attentive|not concentrated|not concentrating|not careful|not careful enough|not trained|not paying
not pay|no attention|not enough attention|attention enough|not paid|not know better|known better|bad attitude
wrong attitude|wrong behaviour|wrong behavior|in a hurry|were stressed|was stressed|was tired|were tired
did not follow|didn t follow|not followed by|failed to|did not read|didn t read|did not notice|didn t notice
not notice|did not look|didn t look|did not check|didn t check|did not test|didn t test|did not pay|didn t pay
did not respect|didn t respect|did not think|didn t think|did not know|didn t know|did not understand|not understood
did not report|do not report|did not double|did not ask|didn t ask|did not see|did not listen|did not adhere
not adhered|not respected|not obeyed|ignored|ignoring|skipped the|made an error|made a mistake|made a typo|mixed up
confused the|chose the wrong|selected the wrong|picked the wrong|entered the wrong|used the wrong|took the wrong
missed the|didn t properly|not properly|should have known|should have checked|own decision|not his job
one time mistake|isolated mistake|individual error|individual mistake
"""
"""Words and expressions that put a cause down to a person's failing."""

SYSTEM_PARTS = """
process|procedure|workflow|design|tool|system|template|checklist|form|interface|control|ownership|reminder|alarm
alert|monitoring|gate|approval|approver|policy|contract|budget|capacity|field|default|layout|configuration|pipeline
handover|sensor|database|plan|schedule|automatic|automation|automated|script|job|feed|inventory
register|catalogue|baseline|standard|specification|requirement|limit|threshold|matrix|rota|roster|understaffed|deputy
interlock|barcode|scanner|scan|validation|verification|verify|review|reviewed|reviewer|inspection|sampling|agreement
guideline|instruction|document|documentation|manual|drawing|labelling|signage|method|equipment|machine|software
screen|menu|permission|access|rights|environment|architecture|cache|server|backup|dashboard|report|portal
scope|calendar|escalation|mailbox|workload|deadline|incentive|bonus
nobody is|no one is|nobody owns|no owner|without owner|owner left|no responsible|no role
nothing prevents|nothing forces|nothing stops|no second|no check
no control|no cross|no link|no step|no rule|no way|not defined|undefined|not documented|undocumented|not specified
not described|not assigned|unclear|not enforced|not required|not part of|not included|not covered|not foreseen
does not ask|doesn t ask|does not require|doesn t require|does not force|does not exist|doesn t exist
"""
"""Words for what an organisation can change: a cause that names one goes beyond a person's failing."""

DUTIES = """
process|procedure|instruction|policy|rule|guideline|standard|plan|requirement|checklist|document|specification
training|manual|message|report|drawing|limit|field|control|review|form|template|deadline|approval|system|tool
inspection|verification|method|schedule|alarm|alert|reminder|responsibility
"""
"""What somebody may not have followed: behind a failing, such a word belongs to the person's duty, not to a cause."""

REMINDERS = """
=train|=trained|training for|training on|training in|training of|training to|training again|refresher|retrain
retrained|re train|re trained|re training|retraining|workshop|educate|education|teach|taught|coach|coaching|=brief
=briefed|=briefing|remind|reminded|reminding|reminder to|reminder by|reminder mail|reminder in the
reminders to|inform|=informed|=informing|instruct|=instructed|=instructing|re instruct|reinstruct|=tell|=told|talk to
talk with|safety talk|toolbox talk|toolbox|disciplinary|aware|awareness|sensitise|sensitize|=discuss|=discussed
discussion with|warn people|=warned|verbal warning|apologise|apologize|apology|notice put|put up a notice|poster
lesson learned|lessons learned|campaign|newsletter|circular|e mail to|e mail sent|email to|email sent|mail to all
by e mail|by email|by mail|team meeting|staff meeting|morning meeting|intranet article|communicate
announce to|announced to|emphasise|emphasize|=urge|=urged|=advised|speak to|speak with|spoken to|spoke to|explain
"""
"""Verbs and nouns for telling people something."""

CHANGES = """
add|install|reinstall|replace|change|block|configure|configuration|remove|automatic|automatically|automate|automated
enforce|enforced|mandatory|interface|interlock|lock|extend|redesign|revise|introduce|define|assign|limit|require
validate|validation|generate|alarm|alert|build|built|create|implement|integrate|merge|migrate|monitor|monitoring|move
script|workflow|gate|update|upgrade|amend|appoint|redefine|standardise|standardize|restrict|separate|restructure
reject|refuse|disable|enable|raise|reduce|schedule|sensor|barcode|scanner|pipeline|lint|dashboard|certification|retire
drop|prevent|cannot|can t|=name|set|connect|stop
"""
"""Verbs and nouns for changing something other than people's knowledge."""

COMPLETIONS = """
done|complete|completed|completely|completion|finish|finished|implement|implemented|implementation|plan|planned|close
closed|closure|effective|effectiveness|efficient|efficacy|action|actions|measure|measures|corrective|preventive|capa
ca|pa|task|tasks|record|ticket|case|result|outcome|positive|success|successful|successfully|consider|considered
believe|think|assume|expect|expected|ok|okay|fine|good|well|confirm|confirmed|verify|verified|verification|check
checked|review|reviewed|evaluate|evaluated|evaluation|assessment|assessed|perform|performed|carry|carried|conduct
conducted|pass|passed|remark|remarks|comment|comments|further|problem|solve|solved|resolve|resolved|issue|fix|fixed
work|works|working|everything|place|live|intend|intended|satisfactory|satisfied|satisfy|agreed|time|due|date|fully
all|now|sign|signed|accept|accepted|accordance|according|schedule|status|open|required|requirement|necessary|deem
deemed|proven|demonstrated|appear|seem|achieve|achieved|objective|met|target|approve|approved|tested|running
nonconformity|finding|deviation|root|cause|eliminated|removed|prevent|recurrence|future
"""
"""Words that say only that something was carried out and found good."""
