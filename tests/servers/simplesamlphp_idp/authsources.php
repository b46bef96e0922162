<?php

// The people who can sign in: `username:password` => attributes, written by the tests.

$people = json_decode(file_get_contents(getenv('PASSERELLE_TEST_STATE') . '/people.json'), true);

$config = ['people' => ['exampleauth:UserPass'] + $people];
