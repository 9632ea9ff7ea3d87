#!/bin/bash
# sql_shape.sh: the install script's modules keep one shape.
#
#! Plain CREATE (an object of that name that somebody else made must be an
#! error); COMMENT ON right after each object of schema mlops; LANGUAGE,
#! volatility and PARALLEL spelled out for each function, because the default
#! is usually wrong; a module has at most 400 lines; every table is followed by
#! its pg_extension_config_dump or a line "-- not dumped: why", and has row
#! level security.

. "$(dirname "$0")/lib.sh"

check()
{
	local m
	for m in sql/install/*.sql; do
		[ "$(wc -l <"$m")" -le 400 ] || echo "$m: more than 400 lines"
	done
	grep -niE 'OR REPLACE|IF NOT EXISTS' sql/install/*.sql | grep -vE ':[0-9]+: *--'
	perl -0777 -e '
		for my $m (@ARGV) {
			open my $h, "<", $m or die; my $t = <$h>;
			$t =~ s,/\*.*?\*/,,gs; $t =~ s/^--(?! not dumped).*$//mg;
			# statements: split at semicolons outside of quotes and dollar quotes
			my @st; my $cur = ""; 
			while ($t =~ /\G(\$(\w*)\$.*?\$\2\$|\x27(?:[^\x27]|\x27\x27)*\x27|BEGIN ATOMIC.*?\bEND(?=\s*;)|;|.)/gs) {
				my $x = $1;
				if ($x eq ";") { push @st, $cur; $cur = ""; } else { $cur .= $x; }
			}
			for my $i (0 .. $#st) {
				my $s = $st[$i]; $s =~ s/^(\s|\\[^\n]*\n)+//; $s =~ s/^\s*-- not dumped.*\n//;
				next unless $s =~ /^CREATE\s+(FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|VIEW|TABLE|OPERATOR)\s+([\w.]+)/i;
				my ($kind, $name) = (uc $1, $2);
				my $next = $st[$i + 1] // ""; $next =~ s/^(\s|--[^\n]*\n)+//;
				(my $one = $s) =~ s/\s+/ /g; $one = substr($one, 0, 60);
				if ($kind =~ /FUNCTION|PROCEDURE/) {
					print "$m: $name: LANGUAGE is missing\n" unless $s =~ /\bLANGUAGE\s+\w+/i;
					if ($kind eq "FUNCTION") {
						print "$m: $name: volatility is missing\n" unless $s =~ /\b(IMMUTABLE|STABLE|VOLATILE)\b/i;
						print "$m: $name: PARALLEL is missing\n" unless $s =~ /\bPARALLEL\s+(SAFE|UNSAFE|RESTRICTED)\b/i;
					}
					print "$m: $name: a body in SQL or PL/pgSQL needs SET search_path\n"
						if $s =~ /LANGUAGE\s+(sql|plpgsql)/i && $s !~ /SET\s+search_path/i && $s !~ /BEGIN ATOMIC/i;
				}
				if ($kind eq "AGGREGATE") {
					print "$m: $name: PARALLEL is missing\n" unless $s =~ /\bPARALLEL\s*=\s*\w+/i;
				}
				if ($name =~ /^mlops\./ && $kind ne "OPERATOR") {
					# a shell type is completed later
					next if $kind eq "TYPE" && $s !~ /\(|AS/i;
					print "$m: $name: COMMENT ON $kind does not follow it\n"
						unless $next =~ /^COMMENT\s+ON\s+\w+\s+\Q$name\E\b/i;
				}
				if ($kind eq "TABLE") {
					my $all = join ";", @st;
					print "$m: $name: neither pg_extension_config_dump nor -- not dumped\n"
						unless $t =~ /pg_extension_config_dump\(\s*\x27\Q$name\E\x27/ || $t =~ /-- not dumped: .*\Q$name\E/;
				}
			}
		}' sql/install/*.sql
	for t in $(sed -nE 's/^CREATE TABLE (mlops[a-z_]*\.[a-z_]+).*/\1/p' sql/install/*.sql); do
		grep -qE "ALTER TABLE $t +ENABLE ROW LEVEL SECURITY" sql/install/*.sql || echo "$t: no row level security"
	done
}

check | verdict "sql_shape"
