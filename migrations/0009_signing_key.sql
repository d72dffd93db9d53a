-- The keys that sign what is minted here. They belong to no tenant.
create table signing_key (
    -- Counts from 1: of two replicas that make the next one at the same moment, one does.
    number bigint not null primary key,
    kid text not null unique,
    -- Sealed by a sealing key: the private key.
    sealed text not null,
    -- Known to verifiers before that, and until what it has signed last has run out.
    signs_from bigint not null,
    -- The longest life, in seconds, of a key that it signs.
    life bigint not null
);
