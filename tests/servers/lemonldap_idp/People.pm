package People;

# The people of LemonLDAP::NG's demonstration directory, as the tests wrote them.

use strict;
use warnings;
use JSON ();
use Lemonldap::NG::Portal::UserDB::Demo;

open my $file, '<', "$ENV{PASSERELLE_TEST_STATE}/people.json" or die $!;
# Its values stay UTF-8, as they come from a directory.
my $people = JSON::from_json( do { local $/; <$file> } );

%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = %{ $people->{accounts} };
%Lemonldap::NG::Portal::UserDB::Demo::demoGroups   = %{ $people->{groups} };

1;
