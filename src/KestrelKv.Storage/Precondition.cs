namespace KestrelKv.Storage;

/// <summary>What must hold of a key's entry for an operation to be done.</summary>
public readonly record struct Precondition
{
    private const long Anything = -1;
    private const long Something = -2;

    // Shifted by one so that the default of the type is "none".
    private readonly long _shifted;

    private Precondition(long rule) => _shifted = rule - Anything;

    /// <summary>Nothing.</summary>
    public static Precondition None => default;

    /// <summary>There is no entry.</summary>
    public static Precondition Absent => new(0);

    /// <summary>There is an entry.</summary>
    public static Precondition Present => new(Something);

    /// <summary>The entry has this version; 0 means that there is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="version"/> is negative.</exception>
    public static Precondition Version(long version)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        return new(version);
    }

    /// <summary>A number that no other precondition has.</summary>
    internal long Rule => _shifted;

    /// <summary>Whether it asks for a certain version, and not just for an entry or none.</summary>
    internal bool IsOnAVersion => _shifted + Anything > 0;

    /// <summary>Whether it holds for an entry of this version, 0 for none.</summary>
    public bool Holds(long version) => (_shifted + Anything) switch
    {
        Anything => true,
        Something => version != 0,
        long expected => version == expected,
    };
}
