namespace KestrelKv.Json.Tests;

/// <summary>Thrown by the simple implementation if an edit is not applicable.</summary>
internal sealed class RefusedException(EditStatus status) : Exception
{
    public EditStatus Status { get; } = status;

    public static RefusedException NoPath() => new(EditStatus.PathNotFound);
}
