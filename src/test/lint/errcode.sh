#!/bin/bash
# errcode.sh: every error that a user can reach has a SQLSTATE.
#
#! Without errcode() an ereport becomes XX000, "internal error".  Pick the code
#! from the table in include/mlops/error.h; elog(ERROR) is for what cannot happen.
#! Primary messages start lower case and end without a period.

. "$(dirname "$0")/lib.sh"

perl -0777 -ne '
	my $t = $_;
	while ($t =~ /\bereport\s*\(\s*(ERROR|FATAL|WARNING)\s*,(.*?)\)\s*;/gs) {
		my ($level, $body, $pos) = ($1, $2, $-[0]);
		my $no = 1 + (substr($t, 0, $pos) =~ tr/\n//);
		print "$ARGV:$no: ereport($level) without errcode\n"
			if $level ne "WARNING" && $body !~ /\berrcode(_\w+)?\s*\(/;
		if ($body =~ /\berrmsg\w*\s*\(\s*"((?:[^"\\]|\\.)*)"/) {
			my $m = $1;
			print "$ARGV:$no: message starts with a capital: $m\n" if $m =~ /^[A-Z][a-z]/ && $m !~ /^OpenBLAS/;
			print "$ARGV:$no: message ends with a period: $m\n" if $m =~ /[^.]\.$/;
		}
	}' $(c_files) | verdict "errcode"
