namespace KestrelKv.Storage;

/// <summary>A condition on the entry of a key.</summary>
public readonly record struct Precondition
{
    private const long Anything = -1;
    private const long Something = -2;

    // Shifted by one, so that the default of the type is None.
    private readonly long _shifted;

    private Precondition(long rule) => _shifted = rule - Anything;

    /// <summary>No condition.</summary>
    public static Precondition None => default;

    /// <summary>The entry does not exist.</summary>
    public static Precondition Absent => new(0);

    /// <summary>The entry exists.</summary>
    public static Precondition Present => new(Something);

    /// <summary>The entry has this version. 0 means that it does not exist.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="version"/> is negative.</exception>
    public static Precondition Version(long version)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        return new(version);
    }

    /// <summary>A number that identifies the condition.</summary>
    internal long Rule => _shifted;

    /// <summary>Whether the condition requires a specific version other than 0.</summary>
    internal bool RequiresVersion => _shifted + Anything > 0;

    /// <summary>Whether the condition holds for an entry of this version; 0 for no entry.</summary>
    public bool Holds(long version) => (_shifted + Anything) switch
    {
        Anything => true,
        Something => version != 0,
        long expected => version == expected,
    };
}
