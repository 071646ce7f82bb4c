namespace KestrelKv.Extensions.Hosting;

internal static class ClientInstrumentation
{
    /// <summary>The name of the client's source of spans and of its meter.</summary>
    public const string Name = "KestrelKv.Client";
}
