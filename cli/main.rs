fn main() {}
struct LeadManager;
