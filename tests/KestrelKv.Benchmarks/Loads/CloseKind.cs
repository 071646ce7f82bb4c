namespace KestrelKv.Benchmarks.Loads;

/// <summary>How a client closes a connection after its last reply.</summary>
internal enum CloseKind
{
    /// <summary>With a FIN, as <c>close</c> does.</summary>
    Fin,

    /// <summary>With an RST: <c>SO_LINGER</c> of 0 seconds.</summary>
    Reset,
}
