# Perl's DBD::MariaDB, hard. usage: perl dbd.pl HOST PORT USER PASSWORD SCHEMA [reads|writes]
use strict;
use warnings;
use utf8;
use DBI;
use Digest::SHA qw(sha1_hex);
use Encode qw(encode_utf8);
binmode STDOUT, ':utf8';
my ($host, $port, $user, $password, $schema, @phases) = @ARGV;
@phases = qw(reads writes) unless @phases;

sub connect_with {
    my ($more, $dsn) = @_;
    return DBI->connect("dbi:MariaDB:host=$host;port=$port;database=$schema" . ($dsn // ''), $user, $password, { RaiseError => 0, PrintError => 0, AutoCommit => 1, %{ $more // {} } })
        // (print("refused $DBI::err $DBI::state $DBI::errstr\n"), undef)[1];
}

# What ties a session to its server is left out where the session is to be moved between two.
my $tls = ($ENV{CONFORMANCE_TLS} // '') ne '0';
my $ties = $ENV{CONFORMANCE_MOVES} ? qr/\b(CALL|PREPARE|EXECUTE|DEALLOCATE|GET_LOCK|RELEASE_LOCK)\b/ : qr/(?!)/;

sub show {
    my $text = join ', ', map { defined $_ ? (/[^\x09\x0a\x0d\x20-\x7e\x{a0}-\x{1ffff}]/ ? 'x' . unpack('H*', encode_utf8($_)) : "'$_'") : 'NULL' } @_;
    return length $text < 3000 ? $text : substr($text, 0, 60) . '...' . length($text) . '...' . sha1_hex(encode_utf8($text));
}

sub run {
    my ($c, $sql, @rows) = @_;
    return if $sql =~ $ties;
    print '> ', substr($sql, 0, 200), "\n";
    my $s = $c->prepare($sql) or return print '   ', join(' ', $c->err, $c->state, $c->errstr), "\n";
    for my $values (@rows ? @rows : []) {
        my $count = $s->execute(@$values);
        defined $count or print('   ', join(' ', $s->err, $s->state, $s->errstr), "\n"), next;
        do {
            print "   $count id ", $s->{mariadb_insertid} // '-', ' warnings ', $s->{mariadb_warning_count} // '-', ' columns ', $s->{NUM_OF_FIELDS} // 0, "\n";
            if ($s->{NUM_OF_FIELDS}) {
                print '   ', show(map { $_ // '' } @{ $s->{NAME} }), ' ', show(@{ $s->{TYPE} }), ' ', show(@{ $s->{PRECISION} }), ' ', show(map { $_ ? 1 : 0 } @{ $s->{NULLABLE} }), "\n";
                while (my $row = $s->fetchrow_arrayref) { print '   ', show(@$row), "\n" }
            }
        } while ($s->more_results);
    }
}

sub reads {
    for my $server (0, 1) {
        my $c = connect_with({ mariadb_server_prepare => $server });
        run($c, $_) for 'SELECT * FROM kinds ORDER BY id', 'SELECT * FROM odd_dates ORDER BY id', 'SELECT * FROM missing', 'SELEC', 'CALL p_results(2, @b, @c)',
            'SELECT @b, @c', 'CALL p_fails(1)', 'SELECT 1/0 FROM digits WHERE d = 1', 'SHOW WARNINGS', 'SHOW TABLES';
        run($c, 'SELECT ? AS a, n FROM few WHERE n > ?', [1, 2], ['ü', 3], [undef, 3], ['z' x 70000, 3]);
        my $s = $c->prepare('SELECT n FROM numbers');
        $s->execute;
        my $sum = 0;
        while (my ($n) = $s->fetchrow_array) { $sum += $n }
        print "   summed $sum\n";
        print '   ping ', $c->ping ? 1 : 0, ' version ', $c->{mariadb_serverversion} > 0 ? 1 : 0, "\n";
        print '   quoted ', $c->quote("a'b\\c"), "\n";
        print '   ', show(map { $_->[3] } @{ $c->column_info(undef, $schema, 'numbers', '%')->fetchall_arrayref }), "\n";
        $c->disconnect;
    }
    run(connect_with({}, ';mariadb_ssl=1;mariadb_ssl_optional=0;mariadb_ssl_verify_server_cert=0') // return, 'SELECT * FROM kinds WHERE id = 4') if $tls;
    my $z = connect_with({}, ';mariadb_compression=1');
    run($z, 'SELECT * FROM kinds WHERE id = 4');
}

sub writes {
    for my $server (0, 1) {
        my $c = connect_with({ mariadb_server_prepare => $server, mariadb_auto_reconnect => 0 });
        run($c, 'TRUNCATE log');
        run($c, 'INSERT INTO log (v, n) VALUES (?, ?)', ['a', 1], ['b', 2], [undef, 3], ['c', 1]);
        run($c, 'UPDATE log SET v = ? WHERE n = ?', ['b', 2], ['bb', 2]);
        $c->begin_work;
        run($c, 'DELETE FROM log');
        $c->rollback;
        $c->{AutoCommit} = 0;
        run($c, 'DELETE FROM log WHERE n = ?', [3]);
        $c->commit;
        $c->{AutoCommit} = 1;
        run($c, 'SELECT v, n FROM log ORDER BY n');
        run($c, 'CALL p_writes(?)', [80], [80]);
        my $s = $c->prepare('REPLACE INTO big VALUES (1, ?)');
        $s->bind_param(1, "\x00\xff'\\" x 200000, DBI::SQL_BLOB);
        print '   blob ', $s->execute // $s->errstr, "\n";
        run($c, 'SELECT LENGTH(b), CRC32(b) FROM big');
    }
    my $f = connect_with({}, ';mariadb_client_found_rows=0');
    run($f, 'UPDATE log SET v = ? WHERE n = ?', ['bb', 2]);
}

for my $phase (@phases) { $phase eq 'reads' ? reads() : writes() }
