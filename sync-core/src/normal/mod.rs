//! One spelling for what people write in many: phones, e-mail addresses, company names.
