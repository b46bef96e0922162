package NoCaptcha;

# In place of the module that draws pictures of letters, which needs ImageMagick.

use strict;
use warnings;
use Mouse;

extends 'Lemonldap::NG::Common::Module';

sub init { return 1 }

1;
