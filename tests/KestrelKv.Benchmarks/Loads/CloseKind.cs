namespace KestrelKv.Benchmarks.Loads;

/// <summary>How a client ends a connection after its last reply.</summary>
internal enum CloseKind
{
    /// <summary>In order, as <c>close</c> does.</summary>
    Fin,

    /// <summary>With a reset: <c>SO_LINGER</c> of 0 seconds.</summary>
    Reset,
}
