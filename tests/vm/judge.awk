# SPDX-License-Identifier: BSD-3-Clause
# Judges one row. Reads, in this order, the files allow, manifest, console and results (variable
# kind says which), and prints one line "pass|fail|n/a NAME[ - WHY]" for each name of the manifest,
# each other result, and row/kernel-log. Variables: row; edu, that device's address; suites, those
# that ran, separated by blanks: names of others are left out, unless whole is set.

function wanted(name,    suite)
{
	suite = name
	sub(/\/.*/, "", suite)
	return index(" " suites " ", " " suite " ") > 0
}

function number(hex,    i, value)
{
	value = 0
	hex = tolower(hex)
	for (i = 1; i <= length(hex); i++)
		value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return value
}

# fault_of LINE: sets fault_bdf and fault_addr when the kernel reports a DMA fault in it.
function fault_of(line,    rest, word)
{
	# arm-smmu-v3 9050000.smmuv3: event 0x10 received:
	# arm-smmu-v3 9050000.smmuv3: 	0x0000002800000010	the function and the event
	# arm-smmu-v3 9050000.smmuv3: 	0x0000020000000000
	# arm-smmu-v3 9050000.smmuv3: 	0x0000000001002000	the address; and one more
	if (line ~ /arm-smmu-v3 [^ ]*: event 0x[0-9a-f]+ received:/) {
		smmu_words = 4
		return 0
	}
	if (smmu_words && match(line, /arm-smmu-v3 [^ ]*:[ \t]+0x[0-9a-f]+$/)) {
		rest = substr(line, length(line) - 15)
		smmu_words--
		if (smmu_words == 3) {
			word[1] = number(substr(rest, 1, 8))
			fault_bdf = sprintf("%02x:%02x.%x", int(word[1] / 256), int(word[1] / 8) % 32,
					    word[1] % 8)
		}
		fault_addr = number(rest)
		return smmu_words == 1
	}
	# virtio_iommu virtio0: page fault from EP 40 at 0x1002000 [W]
	if (match(line, /fault from EP [0-9]+ at 0x[0-9a-f]+/)) {
		split(substr(line, RSTART, RLENGTH), word, " ")
		fault_bdf = sprintf("%02x:%02x.%x", int(word[4] / 256), int(word[4] / 8) % 32,
				    word[4] % 8)
		fault_addr = number(substr(word[6], 3))
		return 1
	}
	# zpci: 0002:00:00.0: Event 0x4 reports an error for PCI function 0x1, which is stopped; where,
	# is not said
	if (match(line, /zpci: [0-9a-f:.]+: Event 0x[0-9a-f]+ reports an error/)) {
		split(substr(line, RSTART, RLENGTH), word, " ")
		fault_bdf = substr(word[2], 1, length(word[2]) - 1)
		fault_addr = -1
		return 1
	}
	# DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0x1002000 [fault reason
	# 0x05] ...
	if (line !~ /DMAR:.*Request device \[[0-9a-f:.]+\].*fault addr 0x[0-9a-f]+/)
		return 0
	rest = line
	sub(/.*Request device \[/, "", rest)
	fault_bdf = rest
	sub(/\].*/, "", fault_bdf)
	sub(/.*fault addr 0x/, "", rest)
	sub(/[^0-9a-f].*/, "", rest)
	fault_addr = number(rest)
	return 1
}

# announce LINE: whoever provokes DMA faults says so in the kernel's log before, through /dev/kmsg:
#   expect-fault BDF FIRST [LAST]       at these IOVAs, from here on
#   DMA faults follow on purpose        of edu, anywhere, until the suite ends
function announce(line,    n, field)
{
	if (line ~ /suite [a-z0-9-]+ ends$/)
		anywhere = ""
	if (line ~ /DMA faults follow on purpose/)
		anywhere = edu
	if (!sub(/.*expect-fault +/, "", line))
		return
	n = split(line, field, /[ \t]+/)
	announcements++
	expect_bdf[announcements] = field[1]
	expect_first[announcements] = number(substr(field[2], 3))
	expect_last[announcements] = number(substr(n > 2 ? field[3] : field[2], 3))
}

# The kernel names the page, or with virtio-iommu, the bytes.
function announced(bdf, addr,    i, page)
{
	page = int(addr / 4096)
	if (anywhere != "" && index(anywhere, bdf))
		return 1
	for (i = 1; i <= announcements; i++)
		if (index(expect_bdf[i], bdf) && (addr < 0 ||
		    page >= int(expect_first[i] / 4096) && page <= int(expect_last[i] / 4096)))
			return 1
	return 0
}

function complain(line)
{
	if (++complaints == 1)
		complaint = line
}

{ sub(/\r$/, "") }

kind == "allow" {
	if (/^[ \t]*(#|$)/)
		next
	if (!match($0, /[ \t]+# */)) {
		complain("allow-list: no reason given: " $0)
		next
	}
	$0 = substr($0, 1, RSTART - 1)
	prefix = $1
	if (sub(/[*]$/, "", prefix) ? index(row, prefix) != 1 : prefix != row)
		next
	sub(/^[^ \t]+[ \t]+/, "")
	allow[++allows] = $0
	next
}

kind == "manifest" {
	if (/^[ \t]*(#|$)/)
		next
	name = $0
	reason = ""
	# What a row says itself comes after what it includes, and counts.
	if (match(name, /[ \t]+# *n\/a[ \t]*/)) {
		reason = substr(name, RSTART + RLENGTH)
		name = substr(name, 1, RSTART - 1)
		na[name] = reason == "" ? "no reason given" : reason
	} else {
		delete na[name]
	}
	# A row that runs all its suites must have all that its manifest names.
	if ((wanted(name) || (whole && name !~ /^demo\//)) && !(name in listed)) {
		listed[name] = 1
		order[++names] = name
	}
	next
}

kind == "results" {
	if (!/^(not )?ok /)
		next
	word = /^not / ? "fail" : "pass"
	why = ""
	name = $0
	sub(/^(not )?ok /, "", name)
	if (match(name, / # SKIP/)) {
		word = "n/a"
		why = substr(name, RSTART + 7)
		sub(/^ +/, "", why)
		name = substr(name, 1, RSTART - 1)
	} else if (word == "fail" && match(name, / - /)) {
		why = substr(name, RSTART + 3)
		name = substr(name, 1, RSTART - 1)
	}
	if (name in verdict) {
		verdict[name] = "fail"
		because[name] = "reported twice"
		next
	}
	if (!(name in listed))
		order[++names] = name
	verdict[name] = word
	because[name] = why
	next
}

kind == "console" { log_line[++log_lines] = $0; next }

function judge_log(    i, j, line, n, ran_suite)
{
	for (i = 1; i <= log_lines; i++) {
		line = log_line[i]
		if (match(line, /guest: suite [a-z0-9-]+ (begins|ends)$/))
			marks[substr(line, RSTART)] = 1
		announce(line)
		if (fault_of(line)) {
			if (!announced(fault_bdf, fault_addr))
				complain("DMA fault that nobody announced: " line)
			continue
		}
		if (line ~ /DMAR: DRHD: handling fault status/ && (anywhere != "" || announcements))
			continue
		if (line !~ bad)
			continue
		for (j = 1; j <= allows; j++)
			if (line ~ allow[j])
				break
		if (j > allows)
			complain(line)
	}
	if (log_lines == 0)
		complain("the kernel wrote nothing")
	# A console that does not show these would not show a warning either.
	n = split(suites, ran_suite, " ")
	for (i = 1; i <= n && log_lines; i++)
		if (!("guest: suite " ran_suite[i] " begins" in marks) ||
		    !("guest: suite " ran_suite[i] " ends" in marks))
			complain("the console does not show where suite " ran_suite[i] " begins and ends")
}

BEGIN {
	said["pass"] = "passed"
	said["fail"] = "failed"
	said["n/a"] = "skipped"
	bad = "WARNING:|BUG|UBSAN|KASAN|KFENCE|Call Trace|Oops|general protection|" \
		"[Kk]ernel panic|refcount_t|DMAR:.*[Ff]ault|Unable to handle|segfault|traps:|" \
		"I/O error|timeout|blocked for more|Bad page|leak|" \
		"vfio.*(fail|invalid|error)|IOMMU.*(fail|error)"
}

END {
	for (i = 1; i <= names; i++) {
		name = order[i]
		ran = name in verdict
		word = verdict[name]
		why = because[name]
		if (!ran) {
			word = "fail"
			why = "did not run" (name in na ? "; the manifest says n/a" : "")
		} else if (!(name in listed)) {
			why = said[word] ", but it is not in the manifest" \
				(why == "" ? "" : ": " why)
			word = "fail"
		} else if (word == "n/a" && !(name in na)) {
			word = "fail"
			why = "skipped (" why "), but the manifest wants it to run"
		} else if (word == "pass" && (name in na)) {
			word = "fail"
			why = "passed, but the manifest says n/a: " na[name]
		}
		print word " " name (why == "" ? "" : " - " why)
	}
	judge_log()
	if (complaints)
		print "fail row/kernel-log - " complaint \
			(complaints > 1 ? " (and " complaints - 1 " more)" : "")
	else
		print "pass row/kernel-log"
}
