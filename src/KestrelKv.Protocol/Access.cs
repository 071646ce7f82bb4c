namespace KestrelKv.Protocol;

/// <summary>What a client may do with the keys under a prefix, as a set.</summary>
[Flags]
public enum Rights
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Read and list entries.</summary>
    Read = 1,

    /// <summary>Create, replace and remove entries. Replies may reveal whether a key exists, and its version.</summary>
    Write = 2,

    /// <summary>Watch changes, without values.</summary>
    Watch = 4,
}

/// <summary>The part of a request for which a client needs rights.</summary>
public enum AccessTarget
{
    /// <summary>None: clients need not authenticate.</summary>
    Open,

    /// <summary>None, but clients must have authenticated.</summary>
    Client,

    /// <summary>The key.</summary>
    Key,

    /// <summary>The key of each operation.</summary>
    Operations,

    /// <summary>The prefix.</summary>
    Prefix,
}

/// <summary>What a client needs to call a function.</summary>
/// <param name="Target">The part of the request for which rights are needed.</param>
/// <param name="Rights">The rights that every call needs. Parameters can add others: <see cref="RightsOf"/>.</param>
public readonly record struct Access(AccessTarget Target, Rights Rights)
{
    internal static Access Open => new(AccessTarget.Open, Rights.None);

    internal static Access OfClients => new(AccessTarget.Client, Rights.None);

    internal static Access ToOperations => new(AccessTarget.Operations, Rights.None);

    internal static Access ToKey(Rights rights) => new(AccessTarget.Key, rights);

    internal static Access ToPrefix(Rights rights) => new(AccessTarget.Prefix, rights);

    /// <summary>
    /// Returns the rights that a request needs: those of its function, Read if a parameter returns or depends on values, and Write if it
    /// extends an expiry.
    /// </summary>
    public Rights RightsOf(in Request request)
    {
        if (request.Options is not { } options) return Rights;
        Rights rights = Rights;
        if (options.ReturnsOld || options.HasPath || options.Values) rights |= Rights.Read;
        if (options.Touch > 0) rights |= Rights.Write;
        return rights;
    }
}
